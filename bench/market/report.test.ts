import { describe, expect, test } from 'vitest'
import { parsePrice } from '../../src/money/price.ts'
import { kindOf } from './kinds.ts'
import type { AgreementResult, BuyerResult } from './orders.ts'
import { type MarketEvidence, report } from './report.ts'

const agreement: AgreementResult = {
  ...{ id: 'a1', url: 'http://127.0.0.1:1', price: parsePrice('1 sat/KiB'), state: 'closed' },
  ...{ paid: 5000n, stated: 5000n, delivered: 3000n, returned: 2000n, pending: 0n },
}
const buyer: BuyerResult = {
  ...{
    kind: 'fixed',
    limit: parsePrice('2 sat/KiB'),
    requests: 3,
    bytes: 3072,
    ends: { 'price-too-high': 2 },
    left: 1,
  },
  ...{ spent: 5000n, max: 9000n, maxAhead: 2000n, ahead: 10_000n, agreements: [agreement] },
}
const evidence = (
  change: { buyer?: Partial<BuyerResult>; agreement?: Partial<AgreementResult> } = {},
): MarketEvidence => ({
  ...{ seconds: 1, seed: 1, troubles: [] },
  sellers: [
    {
      ...{ url: 'http://127.0.0.1:1', kind: 'floor', floor: parsePrice('500 msat/KiB'), credit: 1000n },
      books: { settled: [['h1', '5000']], accounts: [{ id: 'a1', paid: '5000', maxUnpaid: '1000' }], trouble: [] },
    },
  ],
  run: {
    buyers: [{ ...buyer, agreements: [{ ...agreement, ...change.agreement }], ...change.buyer }],
    payments: [{ paymentHash: 'h1', amount: 5000n }],
    returns: [{ paymentHash: 'r1', amount: 2000n }],
    open: 0,
  },
})

describe('what a market is judged by', () => {
  test('nothing to say where all is well', () => {
    expect(report(evidence())).toMatchObject({
      ...{ ok: true, reasons: [], requests: 3, refused: 2, left: 1, stuck: 0, unaccounted: '0' },
      ...{ paid: '5000', settled: '5000', delivered: '3000', returned: '2000', kept: '0', onCredit: '0' },
      kinds: { fixed: { buyers: 1, requests: 3, agreements: 1, priceOfLimit: 500 } },
    })
  })

  test.each<[string, Parameters<typeof evidence>[0], object]>([
    ['a price above the limit', { buyer: { limit: parsePrice('999 msat/KiB') } }, { outside: { buyers: 1 } }],
    ['a price below the floor', { agreement: { price: parsePrice('499 msat/KiB') } }, { outside: { sellers: 1 } }],
    ['a seller that nobody knows', { agreement: { url: 'http://127.0.0.1:2' } }, { outside: { sellers: 1 } }],
    ['more ahead than may be', { buyer: { maxAhead: 10_001n } }, { outside: { ahead: 1 } }],
    ['more spent than may be', { buyer: { spent: 9001n } }, { outside: { budget: 1 } }],
    ['one that is stuck', { buyer: { stuck: 'for long' } }, { stuck: 1 }],
    ['an agreement left open', { agreement: { state: 'open' } }, { unaccounted: '7000' }],
    ['two words on what was paid', { agreement: { stated: 4000n } }, { unaccounted: '1000' }],
    ['what did not come back', { agreement: { returned: 0n } }, { unaccounted: '4000' }],
    ['what is on its way for ever', { agreement: { pending: 1n } }, { ok: false }],
    ['something unexpected', { buyer: { ends: { 'internal: oh': 1 } } }, { failed: { 'internal: oh': 1 } }],
    ['nothing bought', { buyer: { requests: 0 } }, { requests: 0 }],
  ])('%s is told', (_, change, told) => {
    const result = report(evidence(change))
    expect(result).toMatchObject({ ok: false, ...told })
    expect(result.reasons.length).toBeGreaterThan(0)
  })

  test('what a node settled, or did not, is told', () => {
    const { sellers, run, ...rest } = evidence()
    const [seller] = sellers
    const lost = { ...seller!, books: { ...seller!.books, settled: [] } }
    expect(report({ ...rest, run, sellers: [lost] })).toMatchObject({ ok: false, settled: '0' })
    const more = { ...seller!, books: { ...seller!.books, settled: [...seller!.books.settled, ['h2', '1']] as const } }
    expect(report({ ...rest, run, sellers: [more] })).toMatchObject({ ok: false, unaccounted: '1' })
    const bold = { ...seller!, books: { ...seller!.books, accounts: [{ id: 'a1', paid: '5000', maxUnpaid: '1001' }] } }
    expect(report({ ...rest, run, sellers: [bold] })).toMatchObject({ ok: false, outside: { unpaid: 1 } })
    expect(report({ ...rest, sellers, run: { ...run, open: 1 } })).toMatchObject({ ok: false })
    expect(report({ ...rest, sellers, run: { ...run, returns: [] } })).toMatchObject({ ok: false, unaccounted: '2000' })
  })

  test('small balances are kept, and what was on credit is told', () => {
    const kept = { ...evidence({ agreement: { delivered: 4500n, returned: 0n } }) }
    expect(report({ ...kept, run: { ...kept.run, returns: [] } })).toMatchObject({ ok: true, kept: '500' })
    const owed = evidence({ agreement: { delivered: 5400n, returned: 0n } })
    expect(report({ ...owed, run: { ...owed.run, returns: [] } })).toMatchObject({ ok: true, onCredit: '400' })
  })

  test('of a hundred buyers each kind has some, and a tenth are hostile', () => {
    const kinds = Array.from({ length: 100 }, (_, number) => kindOf(number))
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(11)
    expect(kinds.filter(({ hopeless }) => hopeless)).toHaveLength(10)
  })
})
