import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/index.ts'
import type { PaymentFailure, PaymentOutcome } from '../../src/lightning/node.ts'
import { ZERO } from '../../src/money/msat.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { bytes, openMarket, readAll, rejection, Source, until } from './market.ts'

const KIB = 1024
const failed = (reason: PaymentFailure): PaymentOutcome => ({ status: 'failed', reason, detail: `scripted ${reason}` })
const unknown: PaymentOutcome = { status: 'unknown', detail: 'scripted' }

describe('payments that fail', () => {
  test.each(['no-route', 'fee-too-high', 'balance-insufficient', 'payment-failed', 'payment-timeout'] as const)(
    'all of them, with %s: the caller is told, and nothing is spent',
    async (reason) => {
      const market = await openMarket({ handler: bytes(50 * KIB), graceMs: 20_000 })
      market.script = () => failed(reason)
      const buyer = market.buyer()
      expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ code: reason })
      expect(market.settled).toBe(0n)
      expect(buyer.spent).toBe(0n)
      expect(buyer.trades[0]).toMatchObject({ paid: 0n, inFlight: 0n })
      expect(market.account.gate.deliveredSteps).toBe(0n)
    },
  )

  test('two of them, and then they settle: the stream goes on', async () => {
    const market = await openMarket({ handler: bytes(20 * KIB) })
    market.script = (_, number) => (number < 2 ? failed('payment-failed') : undefined)
    const buyer = market.buyer()
    expect(await readAll(await buyer.fetch(market.url))).toBe(20 * KIB)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(buyer.trades[0]?.paid).toBe(market.settled)
  })

  test('so many that the seller gives no more invoices: once they settle again, another agreement goes on', async () => {
    const market = await openMarket({ handler: bytes(4 * KIB), graceMs: 20_000 })
    market.script = () => failed('balance-insufficient')
    const buyer = market.buyer()
    const codes = new Set<unknown>()
    while (!codes.has('too-many-invoices') && market.attempts.length < 100) {
      codes.add((await rejection(buyer.fetch(market.url).then(readAll))).code)
    }
    market.script = () => undefined
    expect(await readAll(await buyer.fetch(market.url))).toBe(4 * KIB)
    expect(codes).toEqual(new Set(['balance-insufficient', 'too-many-invoices']))
    expect(buyer.trades).toHaveLength(2)
  })

  test('no route for small amounts: larger ones are tried, within the window', async () => {
    const market = await openMarket({ handler: bytes(40 * KIB) })
    market.script = ({ request }) => (decodeInvoice(request).amount! < 4000n ? failed('fee-too-high') : undefined)
    const buyer = market.buyer({ ahead: '10 sat' })
    expect(await readAll(await buyer.fetch(market.url))).toBe(40 * KIB)
    await until(() => buyer.trades[0]?.inFlight === 0n)
    expect(buyer.trades[0]?.paid).toBe(market.settled)
  })

  test('no route for a while, and a part was lost on the way: what is left of the window is paid with again', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(300 * KIB, KIB).body), graceMs: 20_000 })
    let away = false
    market.script = (_, number) => {
      away ||= number === 1
      return away ? failed('no-route') : undefined
    }
    const buyer = market.buyer({ ahead: '8 sat' })
    const unread = await buyer.fetch(market.url)
    // Larger and larger ones are tried, up to the whole window; and what left and was cut takes room in it for good.
    await until(() => market.attempts.some((request) => decodeInvoice(request).amount! >= 4000n))
    await unread.body!.cancel()
    market.script = () => undefined
    const reader = (await buyer.fetch(market.url)).body!.getReader()
    for (let received = 0; received < 20 * KIB; ) received += (await reader.read()).value!.length
    await reader.cancel()
    expect(buyer.trades).toHaveLength(1)
  })

  test('in the middle of a body: the reader is told, and the agreement stays', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(300 * KIB).body), graceMs: 20_000 })
    let broken = false
    market.script = () => (broken ? failed('balance-insufficient') : undefined)
    const buyer = market.buyer()
    let received = 0
    const error = await rejection(
      (async () => {
        for await (const chunk of (await buyer.fetch(market.url)).body!) {
          received += chunk.length
          broken = received >= 10 * KIB
        }
      })(),
    )
    expect(error).toMatchObject({ code: 'balance-insufficient', details: { agreement: buyer.trades[0]!.agreement } })
    expect(BigInt(received / KIB) * 1000n).toBeLessThanOrEqual(market.settled)
    expect(market.account.closed).toBe(false)
  })
})

describe('payments of unknown outcome', () => {
  test('count as spent, are never paid twice, and are followed to their end', async () => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ handler: bytes(3 * KIB), graceMs: 20_000 })
    market.script = () => unknown
    const buyer = market.buyer({ ahead: '3 sat', journal, maxFeePercent: 0 })
    // Each is followed by another one, until the window is used up.
    const error = await rejection(buyer.fetch(market.url))
    expect(error).toMatchObject({ code: 'payment-unknown', details: { unknown: '3000', paid: '0' } })
    expect(buyer.trades[0]?.inFlight).toBe(3000n)
    expect(buyer.spent).toBe(3000n)
    expect(market.settled).toBe(0n)
    expect((await journal.payments({ open: true })).map(({ status }) => status)).toContain('unknown')
    expect((await journal.spending()).total).toBe(3000n)
    for (const text of market.attempts) {
      const { paymentHash, amount } = decodeInvoice(text)
      market.nodes.buyer.settle(paymentHash, amount!)
    }
    await until(() => buyer.trades[0]?.inFlight === 0n, 'the node has told')
    expect(buyer.trades[0]).toMatchObject({ paid: 3000n })
    expect(await journal.payments({ open: true })).toEqual([])
    expect(market.settled).toBe(3000n)
  })

  test('that failed after all give their amount back', async () => {
    const market = await openMarket({ handler: bytes(3 * KIB), graceMs: 20_000 })
    market.script = (_, number) => (number < 2 ? unknown : undefined)
    const buyer = market.buyer({ ahead: '3 sat', maxFeePercent: 0 })
    const body = buyer.fetch(market.url).then(readAll)
    await until(() => market.attempts.length >= 2)
    for (const text of market.attempts.slice(0, 2)) {
      market.nodes.buyer.outcomes.set(decodeInvoice(text).paymentHash, failed('payment-timeout'))
    }
    expect(await body).toBe(3 * KIB)
    await until(() => buyer.trades[0]?.inFlight === 0n)
    expect(market.settled).toBe(buyer.spent)
    expect(buyer.trades[0]?.paid).toBe(buyer.spent)
  })

  test('four that failed after all, all at once, count as one failure: the stream goes on', async () => {
    const market = await openMarket({ handler: bytes(6 * KIB), graceMs: 20_000 })
    let away = true
    market.script = () => (away ? unknown : undefined)
    const buyer = market.buyer({ ahead: '6 sat', maxFeePercent: 0 })
    const body = buyer.fetch(market.url).then(readAll)
    await until(() => market.attempts.length >= 4)
    for (const text of market.attempts) {
      market.nodes.buyer.outcomes.set(decodeInvoice(text).paymentHash, failed('payment-failed'))
    }
    away = false
    expect(await body).toBe(6 * KIB)
    expect(buyer.trades).toHaveLength(1)
  })

  test('that fill the window end the reading with what is unknown', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(300 * KIB).body), graceMs: 20_000 })
    market.script = (_, number) => (number >= 3 ? unknown : undefined)
    const buyer = market.buyer({ ahead: '4 sat' })
    const error = await rejection(buyer.fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'payment-unknown', details: { unknown: `${buyer.trades[0]!.inFlight}` } })
    expect(buyer.trades[0]!.inFlight).toBeGreaterThan(0n)
    expect(market.account.gate.delivered).toBe(market.settled)
  })

  test('that filled the window of one agreement: the next request is made on another, which pays', async () => {
    const market = await openMarket({ handler: bytes(3 * KIB), graceMs: 20_000 })
    let held = true
    market.script = () => (held ? unknown : undefined)
    const buyer = market.buyer({ ahead: '4 sat', maxFeePercent: 0 })
    expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'payment-unknown' })
    const stuck = buyer.trades[0]!.inFlight
    held = false
    expect(await readAll(await buyer.fetch(market.url))).toBe(3 * KIB)
    await until(() => buyer.trades[1]?.inFlight === 0n)
    expect(buyer.trades.map(({ inFlight }) => inFlight)).toEqual([stuck, 0n])
    expect(buyer.spent).toBe(stuck + market.settled)
  })

  test('that are held on their way leave no room either: after a request that gave up for them the next one gets another agreement', async () => {
    const market = await openMarket({ handler: bytes(3 * KIB), graceMs: 20_000 })
    const held = Promise.withResolvers<undefined>()
    let holding = true
    market.script = () => (holding ? held.promise : undefined)
    const buyer = market.buyer({ ahead: '4 sat', maxFeePercent: 0, stallMs: 400 })
    expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'payment-unknown' })
    holding = false
    expect(await readAll(await buyer.fetch(market.url))).toBe(3 * KIB)
    expect(buyer.trades).toHaveLength(2)
    held.resolve(undefined)
    await until(() => buyer.trades.every(({ inFlight }) => inFlight === 0n))
    expect(buyer.spent).toBe(market.settled)
  })

  test('a node that goes away and comes back: nothing is forgotten and nothing is paid twice', async () => {
    const market = await openMarket({ handler: bytes(30 * KIB), graceMs: 20_000 })
    const { buyer: node } = market.nodes
    const pay = node.pay.bind(node)
    let calls = 0
    node.pay = async (payment) => {
      calls++
      if (calls !== 4 && calls !== 5) return pay(payment)
      // It took the payment, and went away before it could say so.
      const { paymentHash, amount } = decodeInvoice(payment.request)
      market.attempts.push(payment.request)
      node.settle(paymentHash, amount!)
      throw new Error('connection reset')
    }
    const lookup = node.lookupPayment.bind(node)
    let lookups = 0
    node.lookupPayment = (hash) => (++lookups < 3 ? Promise.reject(new Error('still away')) : lookup(hash))
    const buyer = market.buyer({ ahead: '8 sat' })
    expect(await readAll(await buyer.fetch(market.url))).toBe(30 * KIB)
    await until(() => buyer.trades[0]?.inFlight === 0n)
    expect(buyer.trades[0]?.paid).toBe(market.settled)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
  })
})

describe('the journal', () => {
  test('that cannot be written stops the paying before the money moves', async () => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ handler: bytes(30 * KIB), graceMs: 20_000 })
    const buyer = market.buyer({ journal })
    journal.addPayment = async () => {
      throw new Error('disk full')
    }
    expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ message: 'disk full' })
    expect(market.attempts).toEqual([])
    expect(buyer.spent).toBe(ZERO)
    expect(buyer.trades[0]?.inFlight).toBe(0n)
  })

  test('has every payment before the node is asked to send it', async () => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ handler: bytes(20 * KIB) })
    const written = new Set<string>()
    const add = journal.addPayment.bind(journal)
    journal.addPayment = async (payment) => {
      const added = await add(payment)
      written.add(payment.paymentHash)
      return added
    }
    market.script = ({ request }) => {
      expect.soft(written.has(decodeInvoice(request).paymentHash)).toBe(true)
      return undefined
    }
    const buyer = market.buyer({ journal })
    await readAll(await buyer.fetch(market.url))
    await buyer.close()
    expect(await journal.payments({ open: true })).toEqual([])
    expect((await journal.spending()).total).toBe(market.settled)
  })
})
