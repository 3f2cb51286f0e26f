import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Buyer, createBuyer } from '../../src/buyer/buyer.ts'
import { recover } from '../../src/buyer/journal/recover.ts'
import { MemoryJournal } from '../../src/ledger/memory/journal.ts'
import type { PayingNode } from '../../src/lightning/node.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { type Market, openMarket, Source, until } from './market.ts'

const KIB = 1024
const FATES = ['settled', 'settled', 'settled', 'settled', 'settled', 'settled', 'failed', 'unknown'] as const
const MOMENTS = ['ask', 'answer', 'write', 'written', 'pay', 'paid', 'chunk', 'idle', 'turn'] as const
type Moment = (typeof MOMENTS)[number]

/** One thing that is called off at the nth time that something happens. */
const plan = fc.record({
  what: fc.constantFrom('read', 'read', 'read', 'stand', 'agree', 'price', 'close'),
  at: fc.constantFrom<Moment>(...MOMENTS),
  after: fc.integer({ min: 1, max: 9 }),
  /** What the node says of the payments that are made meanwhile, in turns. */
  payments: fc.array(fc.constantFrom(...FATES), { minLength: 1, maxLength: 9 }),
  withReason: fc.boolean(),
})
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never

/** Aborts once a moment was counted down. */
class Trigger {
  readonly controller = new AbortController()
  readonly #plan: Plan
  #left: number

  constructor(given: Plan) {
    this.#plan = given
    this.#left = given.after
  }

  note(moment: Moment): void {
    if (moment !== this.#plan.at || --this.#left !== 0) return
    this.controller.abort(this.#plan.withReason ? new Error('called off') : undefined)
  }
}

class Table {
  readonly journal = new MemoryJournal()
  readonly #market: Market
  trigger: Trigger | undefined
  script: Plan['payments'] = ['settled']
  calledOff = 0
  #payments = 0
  /** By buyer: what is settled, and what may be. */
  readonly spent = new Map<Buyer, { settled: bigint; open: bigint }>()

  constructor(market: Market) {
    this.#market = market
    const { addPayment } = this.journal
    this.journal.addPayment = async (...args) => {
      this.trigger?.note('write')
      const writing = await addPayment.apply(this.journal, args)
      this.trigger?.note('written')
      return writing
    }
    market.script = async ({ request }) => {
      this.trigger?.note('pay')
      await turn()
      const fate = this.script[this.#payments++ % this.script.length]!
      if (fate === 'failed') return { status: 'failed', reason: 'payment-failed', detail: '' }
      if (fate === 'settled') return undefined
      // It settles, and its payer is told only when it asks.
      const { paymentHash, amount } = decodeInvoice(request)
      setTimeout(() => market.nodes.buyer.settle(paymentHash, amount!), 1)
      return { status: 'unknown', detail: '' }
    }
  }

  buyer(): Buyer {
    const node = this.#market.nodes.buyer
    const spent = { settled: 0n, open: 0n }
    const counted: PayingNode = {
      info: () => node.info(),
      createInvoices: (requests) => node.createInvoices(requests),
      lookupPayment: (hash) => node.lookupPayment(hash),
      lookupInvoice: (hash) => node.lookupInvoice(hash),
      pay: async (payment) => {
        const outcome = await node.pay(payment)
        const amount = decodeInvoice(payment.request).amount!
        if (outcome.status === 'settled') spent.settled += amount
        else if (outcome.status !== 'failed') spent.open += amount
        this.trigger?.note('paid')
        return outcome
      },
    }
    const buyer = createBuyer({
      ...{ node: counted, journal: this.journal, max: '1000 sat', ahead: '6 sat', maxFeePercent: 0 },
      fetch: async (input, init) => {
        this.trigger?.note('ask')
        // What the platform's own fetch leaves on a signal goes when it is collected: here only what the buyer leaves is looked at.
        const response = await fetch(input, init?.signal ? { ...init, signal: AbortSignal.any([init.signal]) } : init)
        this.trigger?.note('answer')
        return response
      },
    })
    this.spent.set(buyer, spent)
    return buyer
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Does one thing, which ends in order or with the very reason that it was called off for. */
async function act(table: Table, buyer: Buyer, url: string, given: Plan): Promise<'closed' | undefined> {
  const trigger = new Trigger(given)
  const { signal } = trigger.controller
  table.trigger = trigger
  table.script = given.payments
  let turning = true
  void (async () => {
    for (; turning; await turn()) trigger.note('turn')
  })()
  try {
    await what(trigger, buyer, url, given)
  } catch (error) {
    // What is left of a window may not do for another payment, where several have no outcome yet.
    const known = ['payment-unknown', 'window-too-small', 'payment-failed', 'stream-stalled']
    if (!signal.aborted || error !== signal.reason)
      expect(known, String(error)).toContain((error as { code?: string }).code)
  } finally {
    turning = false
    if (signal.aborted) table.calledOff++
    table.trigger = undefined
  }
  expect(getEventListeners(signal, 'abort')).toEqual([])
  return given.what === 'close' ? 'closed' : undefined
}

async function what(trigger: Trigger, buyer: Buyer, url: string, { what }: Plan): Promise<void> {
  const { signal } = trigger.controller
  if (what === 'price') return void (await buyer.price(url, { signal }))
  if (what === 'agree') return void (await buyer.agree(url, { signal }))
  if (what === 'close') {
    try {
      await (await buyer.fetch(url)).body?.getReader().read()
    } finally {
      await buyer.close({ signal })
    }
    return
  }
  const response = await buyer.fetch(url, { signal })
  const reader = response.body!.getReader()
  if (what === 'stand') {
    // Nobody reads while it is called off.
    await reader.read()
    trigger.note('idle')
    trigger.controller.abort()
    await until(() => buyer.trades.every(({ active }) => active === 0), 'nothing is open')
  }
  while (!(await reader.read()).done) trigger.note('chunk')
}

test('called off at any moment, nothing is lost: what was paid is settled, the journal has all of it, and the budget counts it', async () => {
  const market = await openMarket({
    handler: () => new Response(new Source(9 * KIB, KIB).body),
    graceMs: 2000,
    limits: { strangerRate: { burst: 1e6, perSecond: 1e6 }, strangersRate: { burst: 1e6, perSecond: 1e6 } },
    maxUnpaidAgreements: 1e6,
  })
  const table = new Table(market)
  let actions = 0
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 10, maxLength: 12 }), fc.boolean(), async (plans, ends) => {
      let buyer = table.buyer()
      for (const each of plans) {
        actions++
        if (await act(table, buyer, market.url, each)) buyer = table.buyer()
      }
      table.script = ['settled']
      if (ends) await buyer.close()
      else await buyer.close({ signal: AbortSignal.abort() }).catch(() => {})
    }),
    { numRuns: 20 },
  )
  expect(actions).toBeGreaterThanOrEqual(200)
  expect(table.calledOff).toBeGreaterThan(actions / 3)

  const { journal } = table
  const { node, ...left } = { node: market.nodes.buyer, open: () => journal.payments({ open: true }) }
  // Each holder has let go: all that is left is for anyone to take up.
  const recovery = await recover({ node, journal, close: true })
  expect(recovery.agreements.filter(({ now }) => now !== 'closed')).toEqual([])
  expect(await left.open()).toEqual([])
  expect(await journal.agreements('open')).toEqual([])

  const paid = (await journal.payments()).filter(({ status }) => status === 'settled')
  expect(sum(paid.map(({ amount }) => amount))).toBe(market.settled)
  const gates = [...market.accounts].map(({ gate }) => gate)
  expect(sum(gates.map((gate) => gate.paid))).toBe(market.settled)
  const back = sum(market.nodes.buyer.settlements.map(({ amount }) => amount))
  const undelivered = sum(gates.map((gate) => gate.paid - gate.delivered).filter((amount) => amount >= 1000n))
  expect(back).toBe(undelivered)
  for (const [buyer, { settled, open }] of table.spent) {
    expect(buyer.spent, 'the budget').toBeGreaterThanOrEqual(settled)
    expect(buyer.spent, 'the budget').toBeLessThanOrEqual(settled + open)
  }
})

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
