import { describe, expect, it } from 'vitest'
import { drawProgress, estimateMs, inTime, readProgress, type SyncSample } from './sync.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const hoursAgo = (hours: number): number => NOW / 1000 - hours * 3600
const fresh = {
  block_height: 0,
  best_header_timestamp: hoursAgo(100_000),
  synced_to_chain: false,
  synced_to_graph: false,
  num_peers: 0,
}
const line = (text: string): string => `2026-01-01 12:00:00.000 [INF] ${text}`
const SYNCING = line('BTCN: Syncing to block height 900000 from peer 10.0.0.1:8333')
const headersAt = (height: number): string =>
  line(`BTCN: Processed 20000 blocks in the last 10s (height ${height}, 2015-01-01 00:00:00 +0000 UTC)`)
const filtersFrom = (height: number): string =>
  line(
    `BTCN: Starting cfheaders sync from (block_height=${height}, block_hash=00) to (block_height=900000, block_hash=00)`,
  )
const filtersAt = (height: number): string =>
  line(`BTCN: Verified 2000 filter headers in the last 10.4s (height ${height}, 2015-01-01 00:00:00 +0000 UTC)`)

describe('where a light client is', () => {
  const read = (log: string[], info: Partial<typeof fresh> = {}) => readProgress({ ...fresh, ...info }, log, true, NOW)

  it('has no peer', () => expect(read([line('CMGR: DNS discovery failed')])).toEqual({ phase: 'peers', height: 0 }))

  it('has a peer, and knows where it is going', () =>
    expect(read([SYNCING])).toEqual({ phase: 'headers', height: 0, target: 900_000 }))

  it('reads headers', () =>
    expect(read([SYNCING, headersAt(20_000), line('RPCS: Processed 5 blocks'), headersAt(40_000)])).toEqual({
      phase: 'headers',
      height: 40_000,
      target: 900_000,
    }))

  it('reads filters, from their own beginning', () => {
    expect(read([SYNCING, headersAt(900_000), filtersFrom(0)])).toMatchObject({ phase: 'filters', height: 0 })
    expect(read([SYNCING, headersAt(900_000), filtersFrom(0), filtersAt(2000)])).toMatchObject({ height: 2000 })
  })

  it('goes on after a restart', () =>
    expect(read([SYNCING, filtersFrom(500_000)], { block_height: 500_000 })).toEqual({
      phase: 'filters',
      height: 500_000,
      target: 900_000,
    }))

  it('has all blocks, and its wallet has not', () =>
    expect(read([SYNCING], { block_height: 900_000, best_header_timestamp: hoursAgo(1) })).toEqual({
      phase: 'wallet',
      height: 900_000,
    }))

  it('has all blocks of a chain that stands still', () =>
    expect(read([SYNCING], { block_height: 900_000, best_header_timestamp: hoursAgo(3) })).toMatchObject({
      phase: 'stale',
    }))

  it('knows the chain and not the channels, or nobody to learn them from', () => {
    const synced = { block_height: 900_001, synced_to_chain: true }
    expect(read([SYNCING], { ...synced, num_peers: 1 })).toEqual({ phase: 'graph', height: 900_001 })
    expect(read([SYNCING], { ...synced, num_peers: 1, synced_to_graph: true })).toMatchObject({ phase: 'done' })
    expect(read([SYNCING], synced)).toMatchObject({ phase: 'done' })
  })
})

it('a node on a full node has its peer', () => {
  expect(readProgress(fresh, [], false, NOW)).toEqual({ phase: 'stale', height: 0 })
  expect(readProgress({ ...fresh, best_header_timestamp: hoursAgo(0) }, [], false, NOW)).toMatchObject({
    phase: 'wallet',
  })
})

const sample = (atMs: number, height: number, phase: SyncSample['phase'] = 'headers'): SyncSample => ({
  atMs,
  height,
  phase,
  target: 1000,
})

describe('the estimate', () => {
  it.each([
    ['nothing yet', [], undefined],
    ['one sample', [sample(0, 10)], undefined],
    ['two that are too close', [sample(0, 10), sample(500, 20)], undefined],
    ['no step', [sample(0, 10), sample(5000, 10)], undefined],
    ['a steady pace', [sample(0, 0), sample(10_000, 100)], 90_000],
    ['the pace of the last minute alone', [sample(0, 0), sample(300_000, 100), sample(310_000, 600)], 8_000],
    [
      'the pace of the phase alone',
      [sample(0, 900), sample(1000, 0, 'filters'), sample(11_000, 500, 'filters')],
      10_000,
    ],
  ] as ReadonlyArray<readonly [string, SyncSample[], number | undefined]>)('from %s', (_, samples, expected) =>
    expect(estimateMs(samples)).toBe(expected),
  )

  it.each([
    [0, '1 s'],
    [89_000, '89 s'],
    [120_000, '2 min'],
    [5_400_000, '1.5 h'],
  ])('%i ms is %s', (ms, text) => expect(inTime(ms)).toBe(text))
})

describe('the line', () => {
  it('shows a bar, the heights and the time left', () =>
    expect(drawProgress([sample(0, 0), sample(10_000, 500)])).toBe(
      '████████████░░░░░░░░░░░░ 50%  headers 500 of 1,000, about 10 s left',
    ))
  it('never runs over', () => expect(drawProgress([sample(0, 2000)])).toMatch(/^█{24} 100% {2}headers 2,000 of 1,000$/))
  it('says what it waits for', () => {
    expect(drawProgress([])).toBe('looking for Bitcoin nodes')
    expect(drawProgress([{ atMs: 0, phase: 'headers', height: 7 }])).toBe('headers 7')
    expect(drawProgress([{ atMs: 0, phase: 'done', height: 900_000 }])).toBe('in step with the chain, block 900,000')
  })
})
