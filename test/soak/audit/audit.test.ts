import { expect, test } from 'vitest'
import { msat, ZERO } from '../../../src/money/msat.ts'
import { price } from '../../../src/money/price.ts'
import type { Timed } from '../world/log.ts'
import { judgeAhead } from './ahead.ts'
import type { SoldAgreement } from './books.ts'
import type { Evidence } from './evidence.ts'
import { judgeMoney } from './money.ts'
import { judgeUnpaid } from './unpaid.ts'

const SOLD: SoldAgreement = {
  id: 'a',
  price: price(1n, 1n, 'byte'),
  credit: { start: msat(2000n), max: msat(2000n), ramp: 0n },
  deliveredSteps: 7000n,
  paid: 10_000n,
  returned: 2000n,
  closed: true,
}

/** A run in which all is well: two payments, 7,000 msat delivered, 2,000 returned, 1,000 left, and 30 for routing. */
function fine() {
  const buyerNotes: Timed[] = [
    { t: 0, is: 'life' },
    { t: 1, is: 'ask', hash: 'p', amount: '6000' },
    { t: 3, is: 'end', hash: 'p', status: 'settled', fee: '20' },
    { t: 5, is: 'got', agreement: 'a', steps: 5000 },
    { t: 6, is: 'ask', hash: 'q', amount: '4000' },
    { t: 8, is: 'end', hash: 'q', status: 'settled', fee: '10' },
    { t: 9, is: 'got', agreement: 'a', steps: 2000 },
  ]
  const sellerNotes: Timed[] = [
    { t: 2, is: 'settled', hash: 'p', amount: '6000' },
    { t: 7, is: 'settled', hash: 'q', amount: '4000' },
  ]
  const journal = [
    ['p', { agreement: 'a', amount: 6000n, fee: 20n, status: 'settled' }],
    ['q', { agreement: 'a', amount: 4000n, fee: 10n, status: 'settled' }],
  ] as const
  const evidence = {
    seller: {
      agreements: new Map([['a', { ...SOLD }]]),
      invoices: new Map([
        ['p', { agreement: 'a', asked: 6000n, came: 6000n as bigint | undefined }],
        ['q', { agreement: 'a', asked: 4000n, came: 4000n as bigint | undefined }],
      ]),
      returns: [{ hash: 'r', agreement: 'a', amount: 2000n, status: 'settled', fee: ZERO }],
    },
    buyers: new Map([
      ['buyer', { payments: new Map<string, (typeof journal)[number][1]>(journal), openAgreements: 0 }],
    ]),
    nodes: new Map([
      ['seller', node([settled('p', 6000n), settled('q', 4000n)], [sent('r', 0n)])],
      ['buyer', node([settled('r', 2000n)], [sent('p', 20n), sent('q', 10n)])],
      ['middle', node([], [])],
    ]),
    before: new Map([
      ['seller', 0n],
      ['buyer', 50_000n],
      ['middle', 9n],
    ]),
    after: new Map([
      ['seller', 8000n],
      ['buyer', 41_970n],
      ['middle', 39n],
    ]),
    delivered: new Map([['a', { good: 'bytes', steps: 7000, answers: 1, seen: [at(4, 5000), at(8, 7000)] }]]),
    crashes: [] as Array<Evidence['crashes'][number]>,
    sellerLog: sellerNotes,
    buyerLogs: new Map([['buyer', { notes: buyerNotes, deaths: [] as number[], ahead: '6 sat' }]]),
  }
  return evidence satisfies Evidence
}

const at = (t: number, steps: number) => ({ t, steps })
const settled = (hash: string, amount: bigint) => ({ hash, amount })
const sent = (hash: string, fee: bigint, parts = 1) => ({ hash, fee, parts })
const node = (settlements: Array<ReturnType<typeof settled>>, payments: Array<ReturnType<typeof sent>>) => ({
  settlements,
  payments,
  inFlight: new Set<string>(),
})

test('finds nothing where all is well, and says what the figures are', () => {
  const money = judgeMoney(fine())
  expect(money).toMatchObject({
    paid: 10_000n,
    settled: 10_000n,
    returned: 2000n,
    fees: 30n,
    balances: 1000n,
    faults: [],
  })
  expect(money).toMatchObject({ unaccounted: 0n, paidTwice: 0, lostPayments: 0, stuck: 0 })
  expect(judgeUnpaid(fine())).toMatchObject({ unpaid: { most: -1000n, bound: 2000n }, faults: [] })
  expect(judgeAhead(fine())).toMatchObject({ ahead: { most: 6000n, bound: 6000n }, faults: [] })
})

type Fine = ReturnType<typeof fine>
const seller = ({ nodes }: Fine) => nodes.get('seller')!
const agreement = (run: Fine) => run.seller.agreements.get('a')!

test.each<[string, (run: Fine) => void, Partial<ReturnType<typeof judgeMoney>>]>([
  ['a payment that the ledger missed', (run) => (run.seller.invoices.get('p')!.came = undefined), { lostPayments: 1 }],
  ['a payment that the journal missed', (run) => run.buyers.get('buyer')!.payments.delete('q'), { lostPayments: 1 }],
  ['an invoice paid twice', (run) => seller(run).settlements.push(settled('p', 6000n)), { paidTwice: 1 }],
  ['a payment sent twice', (run) => (run.nodes.get('buyer')!.payments[0] = sent('p', 20n, 2)), { paidTwice: 1 }],
  ['a total that is not its payments', (run) => Object.assign(agreement(run), { paid: 9999n }), {}],
  ['a return that never came', (run) => run.nodes.get('buyer')!.settlements.pop(), {}],
  ['a msat less in a channel', (run) => run.after.set('seller', 7999n), { unaccounted: 1n }],
  ['a fee that nobody earned', (run) => run.after.set('middle', 38n), {}],
  ['a fee that the journal does not have', (run) => (run.nodes.get('buyer')!.payments[1] = sent('q', 11n)), {}],
])('finds %s', (_, spoil, expected) => {
  const run = fine()
  spoil(run)
  const money = judgeMoney(run)
  expect(money.faults).not.toEqual([])
  expect(money.unaccounted + BigInt(money.paidTwice)).toBeGreaterThan(0n)
  expect(money).toMatchObject(expected)
})

test('takes a payment without an outcome for a fault, unless its node says as much', () => {
  const run = fine()
  const payments = run.buyers.get('buyer')!.payments
  payments.set('s', { ...payments.get('p')!, status: 'unknown' as never })
  expect(judgeMoney(run).faults).toHaveLength(1)
  run.nodes.get('buyer')!.inFlight.add('s')
  expect(judgeMoney(run)).toMatchObject({ faults: [], stuck: 1 })
})

test('finds what was delivered beyond the credit', () => {
  const run = fine()
  run.delivered.get('a')!.seen.splice(1, 0, at(5, 8001))
  const { unpaid, faults } = judgeUnpaid(run)
  expect(unpaid).toMatchObject({ most: 2001n, bound: 2000n })
  expect(faults).toHaveLength(1)
})

test('takes off what a crash made the seller forget, and only as much as it had leased', () => {
  const crashed = (leasedSteps: bigint): Fine => {
    const run = fine()
    run.crashes.push({ t: 5, agreements: [{ id: 'a', deliveredSteps: 4000n, leasedSteps, observedSteps: 5000n }] })
    run.delivered.get('a')!.seen.splice(1, 0, at(6, 9000))
    return run
  }
  expect(judgeUnpaid(crashed(6000n))).toMatchObject({
    unpaid: { most: 2000n },
    forgotten: { most: 1000n, bound: 2000n },
    forgottenInAll: 1000n,
    faults: [],
  })
  expect(judgeUnpaid(crashed(4999n)).faults).toHaveLength(1)
  const generous = crashed(6000n)
  Object.assign(agreement(generous), { credit: { start: msat(999n), max: msat(999n), ramp: 0n } })
  expect(judgeUnpaid(generous).faults).toHaveLength(2)
})

test('counts a payment as ahead until its node says that it failed, also over a kill', () => {
  const run = fine()
  const { notes, deaths } = run.buyerLogs.get('buyer')!
  notes.push({ t: 10, is: 'ask', hash: 'p2', amount: '3000' }, { t: 12, is: 'life' })
  deaths.push(11)
  notes.push({ t: 13, is: 'ask', hash: 'q2', amount: '1000' })
  const { payments } = run.buyers.get('buyer')!
  payments.set('p2', payments.get('p')!).set('q2', payments.get('q')!)
  expect(judgeAhead(run)).toMatchObject({ ahead: { most: 7000n, bound: 6000n } })
  expect(judgeAhead(run).faults).toHaveLength(1)
  notes.splice(-1, 0, { t: 12, is: 'end', hash: 'p2', status: 'never', fee: '0' })
  expect(judgeAhead(run)).toMatchObject({ ahead: { most: 6000n }, faults: [] })
})
