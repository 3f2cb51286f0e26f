import { expect, test } from 'vitest'
import { RateOfStream } from './rate.ts'
import { bucketOf, fill, isSpan, NOTHING, SPANS } from './series.ts'

const sums = (earned: bigint) => ({ ...NOTHING, earned, paid: earned, payments: 1n })

test('a day is quarters of an hour made of minutes, up to now, and no minute is lost', () => {
  const nowMs = Date.UTC(2026, 10, 27, 12, 7, 30)
  const minute = (ms: number) => bucketOf(nowMs - ms, 60_000)
  const buckets = [minute(0), minute(60_000), minute(8 * 60_000), minute(23 * 3_600_000)].map((startMs, i) => ({
    startMs,
    ...sums(10n ** BigInt(i)),
  }))
  const filled = fill(buckets, 'day', nowMs)
  expect(filled).toHaveLength(96)
  expect(filled.at(-1)).toMatchObject({ startMs: Date.UTC(2026, 10, 27, 12, 0), earned: 11n, payments: 2n })
  expect(filled.at(-2)!.earned).toBe(100n)
  expect(filled.reduce((sum, { earned }) => sum + earned, 0n)).toBe(1111n)
  expect(filled.every(({ startMs }, i) => i === 0 || startMs - filled[i - 1]!.startMs === SPANS.day.widthMs)).toBe(true)
})

test.each(['hour', 'day', 'week', 'month', 'year'])('a span may be asked for: %s', (span) => {
  expect(isSpan(span)).toBe(true)
})

test('nothing else is a span', () => {
  for (const text of ['', 'toString', 'days', '__proto__']) expect(isSpan(text)).toBe(false)
})

test('a rate is that of the last five seconds', () => {
  const rate = new RateOfStream()
  expect(rate.perSecond).toEqual({ steps: 0n, msat: 0n })
  for (let i = 0n; i <= 20n; i++) rate.note(Number(i) * 500, i * 10n, i * 1000n)
  expect(rate.perSecond).toEqual({ steps: 20n, msat: 2000n })
  for (let i = 21n; i <= 32n; i++) rate.note(Number(i) * 500, 200n, 20_000n)
  expect(rate.perSecond).toEqual({ steps: 0n, msat: 0n })
  rate.note(17_000, 100n, 10_000n)
  expect(rate.perSecond, 'what was taken back is no income').toEqual({ steps: 0n, msat: 0n })
})

test('looks in a hurry take no room', () => {
  const rate = new RateOfStream()
  for (let ms = 0; ms <= 10_000; ms++) rate.note(ms, BigInt(ms), BigInt(ms))
  const { steps } = rate.perSecond
  expect(steps).toBeGreaterThanOrEqual(990n)
  expect(steps).toBeLessThanOrEqual(1010n)
})
