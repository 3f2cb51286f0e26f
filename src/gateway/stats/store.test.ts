import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { bucketOf, NOTHING } from './series.ts'
import type { Sight } from './sight.ts'
import { MAX_PRICE_EDITS, MAX_SIGHTS, MAX_TROUBLES, StatsStore } from './store.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function file(): string {
  const folder = mkdtempSync(join(tmpdir(), 'streampay-'))
  folders.push(folder)
  return join(folder, 'dashboard.db')
}

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 10, 27, 12, 0)
const sums = (paid: bigint) => ({ ...NOTHING, paid, earned: paid - 1n, payments: 1n })
const sight = (agreement: string, seenAtMs: number): Sight => ({
  agreement,
  route: 'chat',
  client: '127.0.0.1',
  openedAtMs: seenAtMs,
  seenAtMs,
  state: 'open',
  ...sums(5n),
})

test('what was written is there for the next process, and only its owner may read it', () => {
  const path = file()
  const store = new StatsStore(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const trouble = { atMs: NOW, kind: 'error', route: '', agreement: '', text: '<b>' } as const
  store.write({ atMs: NOW, revenue: [['chat', sums(5n)]], sights: [sight('a', NOW)], troubles: [trouble] })
  store.write({
    atMs: NOW + 1,
    revenue: [
      ['chat', sums(7n)],
      ['film', sums(100n)],
    ],
    sights: [],
    troubles: [],
  })
  store.notePrice({ atMs: NOW, route: 'chat', was: '1 sat/token', now: '2 sat/token', by: 'token' })
  store.close()
  const next = new StatsStore(path)
  for (const widthMs of [60_000, 3_600_000, DAY_MS]) {
    const [bucket, ...more] = next.revenue(widthMs, 0, 'chat')
    expect(more).toEqual([])
    expect(bucket).toEqual({ startMs: bucketOf(NOW, widthMs), paid: 12n, earned: 10n, returned: 0n, payments: 2n })
  }
  expect(next.revenue(60_000, 0)[0]!.paid).toBe(112n)
  expect(next.byRoute(60_000, 0).map(([route]) => route)).toEqual(['chat', 'film'])
  expect(next.sight('a')).toEqual(sight('a', NOW))
  expect(next.sight('b')).toBeUndefined()
  expect(next.troubles(10)).toEqual([trouble])
  expect(next.prices(10)).toMatchObject([{ was: '1 sat/token', now: '2 sat/token' }])
  next.close()
})

test('minutes are forgotten after a day, hours after two months, days stay; troubles are bounded', () => {
  const store = new StatsStore(file())
  for (const ago of [0, 2, 70]) {
    store.write({ atMs: NOW - ago * DAY_MS, revenue: [['chat', sums(5n)]], sights: [], troubles: [] })
  }
  const trouble = (atMs: number) => ({ atMs, kind: 'error', route: '', agreement: '', text: 'x' }) as const
  const troubles = Array.from({ length: MAX_TROUBLES + 50 }, (_, i) => trouble(i))
  store.write({ atMs: NOW, revenue: [], sights: [], troubles })
  store.prune(NOW)
  expect(store.revenue(60_000, 0)).toHaveLength(1)
  expect(store.revenue(3_600_000, 0)).toHaveLength(2)
  expect(store.revenue(DAY_MS, 0)).toHaveLength(3)
  expect(store.troubles(5000)).toHaveLength(MAX_TROUBLES)
  expect(store.troubles(1)[0]!.atMs).toBe(MAX_TROUBLES + 49)
  store.close()
})

test('of agreements and price edits the latest are kept, as many as there is room for', () => {
  const store = new StatsStore(file())
  const sights = Array.from({ length: MAX_SIGHTS + 50 }, (_, i) => sight(`a${i}`, i))
  store.write({ atMs: NOW, revenue: [], sights, troubles: [] })
  for (let i = 0; i < MAX_PRICE_EDITS + 50; i++) {
    store.notePrice({ atMs: i, route: 'chat', was: `${i} sat/token`, now: `${i + 1} sat/token`, by: 'token' })
  }
  store.prune(NOW)
  const kept = store.sights(2 * MAX_SIGHTS)
  expect(kept).toHaveLength(MAX_SIGHTS)
  expect(kept.at(-1)!.agreement).toBe('a50')
  expect(store.prices(2 * MAX_PRICE_EDITS)).toHaveLength(MAX_PRICE_EDITS)
  expect(store.prices(1)[0]!.atMs).toBe(MAX_PRICE_EDITS + 49)
  store.close()
})

test('a batch that fails is not written in part', () => {
  const store = new StatsStore(file())
  const broken = { ...sight('a', NOW), paid: 2n ** 70n }
  expect(() => store.write({ atMs: NOW, revenue: [['chat', sums(5n)]], sights: [broken], troubles: [] })).toThrow(
    expect.objectContaining({ code: 'ledger-failed' }),
  )
  expect(store.revenue(60_000, 0)).toEqual([])
  store.close()
})
