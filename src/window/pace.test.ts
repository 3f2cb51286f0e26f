import { describe, expect, test } from 'vitest'
import { Pace } from './pace.ts'
import { RateMeter } from './rate.ts'

/** Sends as fast as it may for so long, with payments that take `latencyMs`; the payments of each second. */
function run(pace: Pace, seconds: number, latencyMs: (now: number) => number): number[] {
  const sent = new Array<number>(seconds).fill(0)
  let flying: Array<{ at: number; took: number }> = []
  for (let now = 0; now < seconds * 1000; now += 5) {
    for (const { took } of flying.filter(({ at }) => at <= now)) pace.ended(took)
    flying = flying.filter(({ at }) => at > now)
    while (pace.take(now) === 0) {
      sent[Math.floor(now / 1000)]! += 1
      flying.push({ at: now + latencyMs(now), took: latencyMs(now) })
    }
  }
  return sent
}

describe('Pace', () => {
  test('grows while payments settle quickly, up to its bound', () => {
    const sent = run(new Pace(), 20, () => 50)
    expect(sent[0]!).toBeLessThanOrEqual(60)
    expect(sent.at(-1)!).toBeGreaterThan(90)
    expect(Math.max(...sent)).toBeLessThanOrEqual(108)
  })

  test('gives way when the node queues, and comes back', () => {
    const sent = run(new Pace(), 60, (now) => (now > 15_000 && now < 35_000 ? 900 : 50))
    expect(sent[14]!).toBeGreaterThan(80)
    expect(sent[34]!).toBeLessThan(15)
    expect(sent[59]!).toBeGreaterThan(50)
  })

  test('takes the noise of a fast node for no queue', () => {
    let i = 0
    const sent = run(new Pace(), 20, () => (i++ % 3 === 0 ? 40 : 2))
    expect(sent.at(-1)!).toBeGreaterThan(90)
  })

  test('never has more in flight than its bound, and tells each stream a share that fits', () => {
    const pace = new Pace()
    const leave = pace.join()
    pace.join()
    const sent = run(pace, 30, () => 5000)
    expect(sent.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(32 * 7)
    expect(pace.share).toBeLessThanOrEqual(32 / 5 / 2)
    leave()
    expect(pace.share).toBeGreaterThan(32 / 5 / 2)
  })

  test('failed payments do not count as quick ones', () => {
    const pace = new Pace()
    expect(pace.take(0)).toBe(0)
    pace.ended()
    expect(pace.bestLatencyMs).toBeUndefined()
  })
})

describe('RateMeter', () => {
  test('is the best of the last two seconds: a stall says little about the stream', () => {
    const meter = new RateMeter()
    for (let now = 0; now <= 1000; now += 100) meter.note(BigInt(now) * 5n, now)
    expect(meter.perSecond).toBe(5000n)
    for (let now = 1100; now <= 2400; now += 100) meter.note(5000n, now)
    expect(meter.perSecond).toBe(5000n)
    for (let now = 2500; now <= 4600; now += 100) meter.note(5000n, now)
    expect(meter.perSecond).toBe(0n)
  })

  test('what was taken back is no negative rate', () => {
    const meter = new RateMeter()
    meter.note(1000n, 0)
    meter.note(200n, 500)
    expect(meter.perSecond).toBe(0n)
  })
})
