import { afterEach, beforeEach, expect, it } from 'vitest'
import { temporaryFolder } from '../../ledger/testing/temporary.ts'
import { type ScriptedNode, scriptedPair } from '../../lightning/testing/scripted.ts'
import { msat, sat } from '../../money/msat.ts'
import { type PayoutEvent, Payouts, type Recipient } from './payouts.ts'
import { PayoutStore } from './store.ts'

const folder = temporaryFolder()
const SPLIT = new Map([
  ['platform', 10n],
  ['creator', 90n],
])
let number = 0
let path: string
let store: PayoutStore
let payer: ScriptedNode
let creator: ScriptedNode
let nowMs: number
let events: PayoutEvent[]

beforeEach(() => {
  path = `${folder()}/payouts-${number++}.db`
  store = new PayoutStore(path)
  const pair = scriptedPair()
  payer = pair.buyer
  creator = pair.seller
  nowMs = 1_000_000_000
  events = []
})
afterEach(() => store.close())

function payouts(options: Partial<Recipient> = {}): Payouts {
  const recipient = { node: creator, threshold: sat(10), intervalMs: 0, ...options }
  const onEvent = (event: PayoutEvent) => void events.push(event)
  return new Payouts({ store, node: payer, recipients: new Map([['creator', recipient]]), onEvent, nowMs: () => nowMs })
}
function earn(amount: bigint): void {
  store.begin('a', 'films', SPLIT)
  store.earn('a', msat(amount), false)
}
const arrived = () => creator.settlements.reduce((sum, { amount }) => sum + amount, 0n)

it('pays whole sats once the threshold is reached, and keeps what is left of a sat', async () => {
  const running = payouts()
  earn(11_000n)
  await running.round()
  expect(arrived()).toBe(0n)
  earn(12_345n)
  await running.round()
  expect(arrived()).toBe(11_000n)
  expect(store.standings()).toEqual([
    { recipient: 'creator', earned: 11_111n, paid: 11_000n, kept: false },
    { recipient: 'platform', earned: 1234n, paid: 0n, kept: false },
  ])
  await running.round()
  expect(arrived()).toBe(11_000n)
  expect(events.map(({ type }) => type)).toEqual(['payout-settled'])
})

it('a total that falls back takes nothing from anybody', () => {
  earn(10_000n)
  earn(9_000n)
  earn(10_000n)
  expect(store.standings().reduce((sum, { earned }) => sum + earned, 0n)).toBe(10_000n)
})

it('waits for its interval, unless it is asked to pay now', async () => {
  const running = payouts({ intervalMs: 60_000 })
  earn(20_000n)
  await running.round()
  earn(40_000n)
  await running.round()
  expect(arrived()).toBe(18_000n)
  store.want('creator')
  await running.round()
  expect(arrived()).toBe(36_000n)
})

it('a payout that fails is tried again with the same invoice, later', async () => {
  payer.script = (_, n) => (n === 0 ? { status: 'failed', reason: 'no-route', detail: '' } : undefined)
  const running = payouts()
  earn(20_000n)
  await running.round()
  await running.round()
  expect(creator.requests).toHaveLength(1)
  expect(events).toMatchObject([{ type: 'payout-delayed', payout: { failure: 'no-route' } }])
  nowMs += 2000
  await running.round()
  expect(arrived()).toBe(18_000n)
  expect(creator.requests).toHaveLength(1)
})

it('one whose invoice has expired unpaid is owed again', async () => {
  payer.script = (_, n) => (n === 0 ? { status: 'failed', reason: 'no-route', detail: '' } : undefined)
  const running = payouts()
  earn(20_000n)
  await running.round()
  nowMs += 3_700_000
  await running.round()
  expect(store.owed('creator')).toBe(18_000n)
  nowMs += 10_000
  await running.round()
  expect(arrived()).toBe(18_000n)
  expect(events.map(({ type }) => type)).toEqual(['payout-delayed', 'payout-failed', 'payout-settled'])
})

it('one of unknown outcome is looked up and never sent again', async () => {
  payer.script = () => ({ status: 'unknown', detail: '' })
  earn(20_000n)
  await payouts().round()
  nowMs += 10_000_000
  const next = payouts()
  await next.round()
  expect(store.owed('creator')).toBe(0n)
  expect(creator.requests).toHaveLength(1)
  const { paymentHash, amount } = store.pending('creator')!
  payer.settle(paymentHash, amount)
  nowMs += 10_000_000
  await next.round()
  expect(arrived()).toBe(18_000n)
  expect(store.list(10)).toMatchObject([{ status: 'settled' }])
})

it('a recipient whose wallet is away is told of, and tried again', async () => {
  const errors: Error[] = []
  const node = { createInvoices: () => Promise.reject(new Error('away')) }
  const recipients = new Map([['creator', { node, threshold: sat(1), intervalMs: 0 }]])
  earn(20_000n)
  await new Payouts({ store, node: payer, recipients, onError: (error) => void errors.push(error) }).round()
  expect(errors).toHaveLength(1)
  expect(store.owed('creator')).toBe(18_000n)
})
