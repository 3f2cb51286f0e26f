import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { TradeSummary } from '../../buyer/trade/summary.ts'
import { sat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import { liveLines } from './tell.ts'

const trade = (changes: Partial<TradeSummary>): TradeSummary => ({
  agreement: 'a1',
  url: 'https://api.example:8443/v1/chat',
  unit: 'token',
  price: parsePrice('1 sat/token'),
  steps: 40n,
  bytes: 0,
  received: sat(40),
  paid: sat(44),
  inFlight: sat(1),
  fees: sat(0),
  payments: 3,
  maxAhead: sat(10),
  ahead: sat(10),
  maxUnpaid: sat(0),
  credit: sat(0),
  firstByteMs: 1,
  stallMs: 0,
  durationMs: 1,
  halted: 0,
  windowPerSecond: 1n,
  active: 1,
  state: 'open',
  returned: sat(0),
  resumed: false,
  ...changes,
})

test('a line says what is being paid, where and for whom; the busy ones come first, what is closed is left out', () => {
  const lines = liveLines([
    { caller: 'ann', trade: trade({ active: 0 }) },
    { caller: 'bob', trade: trade({ state: 'paused' }) },
    { caller: 'eve', trade: trade({ state: 'closed' }) },
  ]).map(stripVTControlCharacters)
  expect(lines).toEqual([
    '▕██████      ▏ paused    40 tokens · 44 sat · api.example:8443 bob',
    'at rest                  40 tokens · 44 sat · api.example:8443 ann',
  ])
})
