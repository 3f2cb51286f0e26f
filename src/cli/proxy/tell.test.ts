import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { PrepaidSummary } from '../../buyer/schemes/held.ts'
import type { TradeSummary } from '../../buyer/trade/summary.ts'
import { StreamError } from '../../errors/error.ts'
import { sat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import type { Output } from '../output/output.ts'
import { liveLines, tell } from './tell.ts'

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

test('a receipt that is for another payment is told with what it is about', () => {
  const said: string[] = []
  const events: unknown[] = []
  const output: Output = {
    ...{ json: false, print: () => {}, live: () => {} },
    say: (text) => said.push(stripVTControlCharacters(text)),
    event: (event, fields) => events.push({ event, ...fields }),
  }
  const receiptFault = new StreamError('receipt-mismatch', 'the receipt is for another payment')
  const charge: PrepaidSummary = {
    ...{ agreement: 'a1', scheme: 'charge', url: 'https://api.example/x', paymentHash: 'ab'.repeat(32), payments: 1 },
    ...{ paid: sat(20), fees: sat(0), received: sat(20), uses: 1, active: 0, resumed: false, state: 'closed' },
  }
  tell({ type: 'prepaid', caller: 'ann', prepaid: charge }, output)
  expect(said).toEqual([])
  tell({ type: 'prepaid', caller: 'ann', prepaid: { ...charge, receiptFault } }, output)
  expect(said).toEqual(['       the receipt is for another payment (receipt-mismatch)'])
  expect(events[0]).not.toHaveProperty('receipt')
  expect(events[1]).toMatchObject({ caller: 'ann', receipt: { code: 'receipt-mismatch' } })
})
