import { describe, expect, test } from 'vitest'
import type { MemberResult, RunResult, TradeResult } from './members/orders.ts'
import { type Evidence, report } from './report.ts'

const NO_STALLS = { count: 0, longestMs: 20, totalMs: 0 }

const trade: TradeResult = {
  agreement: 'a',
  paid: 4000n,
  received: 2900n,
  inFlight: 0n,
  fees: 0n,
  payments: 2,
  maxAhead: 4000n,
  ahead: 10_000n,
  maxUnpaid: 500n,
  credit: 2000n,
  haltedMs: 0,
  halted: 0,
  closing: { paid: 4000n, delivered: 3000n, balance: 1000n, returned: 'settled', amount: 1000n },
}
const member = (more: Partial<MemberResult> = {}): MemberResult => ({
  kind: 'buyer',
  got: 500,
  firstMs: 100,
  stalls: NO_STALLS,
  joining: NO_STALLS,
  trade,
  ...more,
})
const payment = (paymentHash: string, amount: bigint, atMs: number) => ({
  ...{ paymentHash, agreement: 'a', amount, atMs, tookMs: 50, settled: true },
})
const run = (more: Partial<RunResult> = {}): RunResult => ({
  members: [member()],
  payments: [payment('p', 1000n, 2000), payment('q', 3000n, 9000)],
  returns: ['r'],
  fromMs: 1000,
  toMs: 11_000,
  lagMs: 3,
  ...more,
})
const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  ...{ buyers: 1, viewers: 0, seconds: 10, tokensPerSecond: 50, gapMs: 500, node: 'lnd', price: '5 sat/1k tokens' },
  nodeLimit: { perSecond: 60, medianMs: 100 },
  unpaid: run({ payments: [], returns: [] }),
  run: run(),
  sold: { streams: 1, paid: 4000n, delivered: 3000n },
  trouble: [],
  settled: {
    seller: [
      { index: 1n, paymentHash: 'p', amount: 1000n as never },
      { index: 2n, paymentHash: 'q', amount: 3000n as never },
    ],
    buyer: [{ index: 1n, paymentHash: 'r', amount: 1000n as never }],
  },
  cpu: {},
  ...more,
})

describe('the report of a crowd', () => {
  test('is well where all books agree, nothing stalled, and the nodes carried more alone', () => {
    expect(report(evidence())).toMatchObject({
      ...{
        ok: true,
        reasons: [],
        unaccounted: '0',
        paid: '4000',
        settled: '4000',
        delivered: '3000',
        returned: '1000',
      },
      tokensPerSecond: { paid: 50, unpaid: 50, ideal: 50 },
      paymentsPerSecond: { mean: 0.2, most: 1 },
      paymentSize: { first: '1000', median: '3000', last: '3000' },
    })
  })

  test('counts a balance that stays, and what was delivered on credit, as what they are', () => {
    const small = {
      ...trade,
      closing: { ...trade.closing!, delivered: 3900n, balance: 100n, returned: 'kept' as const },
    }
    const sold = { streams: 1, paid: 4000n, delivered: 3900n }
    const { seller } = evidence().settled
    const kept = evidence({ run: run({ members: [member({ trade: small })] }), sold, settled: { seller, buyer: [] } })
    expect(report(kept)).toMatchObject({ ok: true, kept: '100', returned: '0' })
    const owing = {
      ...trade,
      closing: { ...trade.closing!, delivered: 4500n, balance: 0n, returned: 'nothing' as const },
    }
    const credit = { run: run({ members: [member({ trade: owing })] }), sold: { ...sold, delivered: 4500n } }
    expect(report(evidence({ ...credit, settled: { seller, buyer: [] } }))).toMatchObject({ ok: true, onCredit: '500' })
  })

  test.each<[string, Partial<Evidence>, string]>([
    ["the seller's node has less", { settled: { ...evidence().settled, seller: [] } }, '4000'],
    ['nothing came back', { settled: { ...evidence().settled, buyer: [] } }, '1000'],
    ['the gateway was paid less', { sold: { streams: 1, paid: 3999n, delivered: 3000n } }, '1'],
    ['the gateway delivered more', { sold: { streams: 1, paid: 4000n, delivered: 3010n } }, '10'],
    ['an agreement stays open', { run: run({ members: [member({ trade: without(trade) })] }) }, '8000'],
    [
      'a closing leaves out a payment',
      { run: run({ members: [member({ trade: { ...trade, closing: { ...trade.closing!, paid: 3000n } } })] }) },
      '2000',
    ],
  ])('where %s, it says by how much', (_, more, unaccounted) => {
    const told = report(evidence(more))
    expect(told).toMatchObject({ ok: false, unaccounted })
    expect(told.reasons.length).toBeGreaterThan(0)
  })

  test.each<[string, Partial<Evidence>, RegExp]>([
    ['a stream stood still', { run: run({ members: [member({ stalls: { ...NO_STALLS, count: 1 } })] }) }, /1 stalls/],
    ['a stream failed', { run: run({ members: [member({ error: 'no-route: none' })] }) }, /1 × no-route/],
    ['more was paid ahead', { run: run({ members: [member({ trade: { ...trade, maxAhead: 10_001n } })] }) }, /ahead/],
    ['the nodes carry no more', { nodeLimit: { perSecond: 0.2, medianMs: 1 } }, /carry alone/],
    ['the gateway had trouble', { trouble: ['node-failed: it says so'] }, /the gateway: node-failed/],
  ])('is not well where %s', (_, more, reason) => {
    const told = report(evidence(more))
    expect(told.ok).toBe(false)
    expect(told.reasons.join()).toMatch(reason)
  })
})

function without({ closing: _, ...rest }: TradeResult): TradeResult {
  return rest
}
