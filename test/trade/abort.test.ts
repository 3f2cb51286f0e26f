import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { recover } from '../../src/buyer/journal/recover.ts'
import { StreamError } from '../../src/errors/error.ts'
import { MemoryJournal } from '../../src/ledger/memory/journal.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { createInvoice, keysend, payInvoice } from '../../src/lightning/verbs/verbs.ts'
import { sat } from '../../src/money/msat.ts'
import type { WebHandler } from '../../src/seller/adapters/node.ts'
import { parseCredential } from '../../src/wire/credential.ts'
import { bytes, openMarket, readAll, rejection, Source, until } from './market.ts'

const KIB = 1024
const hang = <T>(): Promise<T> => new Promise(() => {})
const actionOf = (request: Request): string | undefined => {
  const credential = request.headers.get('authorization')
  return credential === null ? undefined : parseCredential(credential).payload.action
}

/** A seller that leaves one action unanswered until it is let go on, once it has acted on it. */
function holding(action: string) {
  const held = Promise.withResolvers<void>()
  const came = Promise.withResolvers<void>()
  const tamper =
    (handler: WebHandler): WebHandler =>
    async (request) => {
      const isIt = actionOf(request) === action
      const response = await handler(request)
      if (!isIt) return response
      came.resolve()
      await held.promise
      return response
    }
  return { tamper, came: came.promise, go: held.resolve }
}

describe('a request that is called off', () => {
  test('while terms are agreed on leaves at once, and the next one has those terms', async () => {
    const { tamper, came, go } = holding('accept')
    const market = await openMarket({ handler: bytes(4 * KIB), tamper })
    const buyer = market.buyer()
    const controller = new AbortController()
    const called = rejection(buyer.fetch(market.url, { signal: controller.signal }))
    await came
    controller.abort()
    expect(await called).toBe(controller.signal.reason)
    expect(market.attempts).toEqual([])
    const next = buyer.fetch(market.url)
    go()
    expect(await readAll(await next)).toBe(4 * KIB)
    expect(market.accounts.size).toBe(1)
  })

  test('does not end the terms for others that wait for them', async () => {
    const { tamper, came, go } = holding('accept')
    const market = await openMarket({ handler: bytes(4 * KIB), tamper })
    const buyer = market.buyer()
    const controller = new AbortController()
    const called = rejection(buyer.fetch(market.url, { signal: controller.signal }))
    const other = buyer.fetch(market.url)
    await came
    controller.abort()
    expect(await called).toBe(controller.signal.reason)
    go()
    expect(await readAll(await other)).toBe(4 * KIB)
  })

  test('while terms that nobody waits for are agreed on: closing does not wait for them either', async () => {
    const { tamper, came } = holding('accept')
    const market = await openMarket({ handler: bytes(4 * KIB), tamper })
    const buyer = market.buyer()
    const controller = new AbortController()
    const called = rejection(buyer.fetch(market.url, { signal: controller.signal }))
    await came
    controller.abort()
    await called
    expect(await buyer.close()).toEqual([])
  })

  test('while nobody reads its body is not open any more, and its reader gets the very reason', async () => {
    const source = new Source(1000 * KIB)
    const market = await openMarket({ handler: () => new Response(source.body) })
    const buyer = market.buyer({ fetch: apart })
    const controller = new AbortController()
    const reason = { any: 'reason' }
    const reader = (await buyer.fetch(market.url, { signal: controller.signal })).body!.getReader()
    await reader.read()
    controller.abort(reason)
    expect(buyer.trades[0]!.active).toBe(0)
    await expect(reader.read()).rejects.toBe(reason)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    await until(() => source.cancelled !== undefined, 'the source ends')
  })

  test('for an error of ours tells its reader what was paid and received', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(1000 * KIB).body) })
    const buyer = market.buyer()
    const controller = new AbortController()
    const reader = (await buyer.fetch(market.url, { signal: controller.signal })).body!.getReader()
    const { value } = await reader.read()
    controller.abort(new StreamError('interrupted', 'enough'))
    const { agreement } = buyer.trades[0]!
    const received = `${(value!.length / KIB) * 1000}`
    expect(await rejection(reader.read())).toMatchObject({
      code: 'interrupted',
      details: { agreement, received },
    })
  })

  test('before it began asks for nothing', async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    let asked = 0
    const fetch: typeof globalThis.fetch = (...args) => {
      asked++
      return globalThis.fetch(...args)
    }
    const buyer = market.buyer({ fetch })
    const signal = AbortSignal.abort()
    for (const what of ['fetch', 'agree', 'price'] as const) {
      await expect(buyer[what](market.url, { signal })).rejects.toBe(signal.reason)
    }
    expect(asked).toBe(0)
  })

  test('leaves nothing on a signal that outlives many of them', async () => {
    const market = await openMarket({ handler: bytes(2 * KIB) })
    const buyer = market.buyer({ fetch: apart })
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) await readAll(await buyer.fetch(market.url, { signal }))
    await buyer.price(market.url, { signal })
    await buyer.close({ signal })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

/** What the platform's own fetch leaves on a signal goes when it is collected: here only what the buyer leaves is looked at. */
const apart: typeof globalThis.fetch = (input, init) =>
  fetch(input, init?.signal ? { ...init, signal: AbortSignal.any([init.signal]) } : init)

describe('several sellers', () => {
  test('one request that is called off does not keep another from comparing', async () => {
    const dear = await openMarket({ price: '2 sat/KiB', handler: bytes(KIB) })
    const cheap = await openMarket({ price: '1 sat/KiB', handler: bytes(KIB) })
    const looking = Promise.withResolvers<void>()
    const going = Promise.withResolvers<void>()
    const buyer = createBuyer({
      node: cheap.nodes.buyer,
      sellers: [dear.url, cheap.url],
      fetch: async (input, init) => {
        looking.resolve()
        await going.promise
        return fetch(input, init)
      },
    })
    cheap.nodes.buyer.peers.push(dear.nodes.seller)
    const controller = new AbortController()
    const called = rejection(buyer.fetch('/', { signal: controller.signal }))
    const other = buyer.fetch('/')
    await looking.promise
    controller.abort()
    expect(await called).toBe(controller.signal.reason)
    going.resolve()
    expect((await other).url).toMatch(cheap.url)
    await (await other).body?.cancel()
    await buyer.close({ keep: true })
  })
})

describe('closing that is called off', () => {
  test('rejects with the reason, and leaves the agreement to recover', async () => {
    const { tamper, came, go } = holding('close')
    const market = await openMarket({ handler: bytes(4 * KIB), tamper })
    const journal = new MemoryJournal()
    const buyer = market.buyer({ journal })
    await readAll(await buyer.fetch(market.url))
    const controller = new AbortController()
    const closing = rejection(buyer.close({ signal: controller.signal }))
    await came
    controller.abort()
    expect(await closing).toBe(controller.signal.reason)
    go()
    expect(await journal.agreements('open')).toHaveLength(1)
    const { agreements } = await recover({ node: market.nodes.buyer, journal, close: true })
    expect(agreements).toMatchObject([{ now: 'closed' }])
    expect(await journal.agreements('open')).toEqual([])
  })

  test('does not wait for a payment on its way, which the journal has and recover follows', async () => {
    const market = await openMarket({ handler: bytes(4 * KIB), graceMs: 20_000 })
    market.script = (_, number) => (number < 1 ? undefined : hang())
    const journal = new MemoryJournal()
    const buyer = market.buyer({ journal })
    const reading = buyer
      .fetch(market.url)
      .then(readAll)
      .catch(() => {})
    await until(() => market.attempts.length >= 2)
    const controller = new AbortController()
    controller.abort()
    await rejection(buyer.close({ signal: controller.signal }))
    await reading
    const open = await journal.payments({ open: true })
    expect(open.length).toBe(market.attempts.length - 1)
    for (const { paymentHash, amount } of open) market.nodes.buyer.settle(paymentHash, amount)
    const { payments, agreements } = await recover({ node: market.nodes.buyer, journal, close: true })
    expect(payments.map(({ now }) => now)).toEqual(open.map(() => 'settled'))
    expect(agreements).toMatchObject([{ now: 'closed' }])
  })

  test('of one agreement leaves the others', async () => {
    const { tamper, came, go } = holding('close')
    const market = await openMarket({ handler: bytes(KIB), tamper })
    const buyer = market.buyer()
    await readAll(await buyer.fetch(market.url))
    const controller = new AbortController()
    const closing = rejection(buyer.closeAgreement(buyer.trades[0]!.agreement, { signal: controller.signal }))
    await came
    controller.abort()
    expect(await closing).toBe(controller.signal.reason)
    go()
    expect(await readAll(await buyer.fetch(market.url))).toBe(KIB)
  })
})

test('a recovery that is called off rejects with the reason; another one ends what it began', async () => {
  const { tamper, came, go } = holding('close')
  const market = await openMarket({ handler: bytes(4 * KIB), tamper })
  const journal = new MemoryJournal()
  const buyer = market.buyer({ journal })
  await readAll(await buyer.fetch(market.url))
  await buyer.close({ keep: true })
  const controller = new AbortController()
  const { signal } = controller
  const recovering = rejection(recover({ node: market.nodes.buyer, journal, close: true, signal, fetch: apart }))
  await came
  controller.abort()
  expect(await recovering).toBe(signal.reason)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  go()
  const { agreements } = await recover({ node: market.nodes.buyer, journal, close: true })
  expect(agreements).toMatchObject([{ now: 'closed' }])
})

describe('payments by hand that are called off', () => {
  test('before they are sent move nothing', async () => {
    const { buyer, seller } = scriptedPair()
    const controller = new AbortController()
    const { request } = await createInvoice(seller, sat(5))
    const { signal } = controller
    const reason = new Error('called off')
    const paying = payInvoice(buyer, request, { signal, beforeSending: () => controller.abort(reason) })
    await expect(paying).rejects.toBe(reason)
    await expect(keysend(buyer, seller.publicKey, sat(5), { signal })).rejects.toBe(signal.reason)
    await expect(createInvoice(seller, sat(5), { signal })).rejects.toBe(signal.reason)
    expect(seller.settlements).toEqual([])
    expect(buyer.calls).toBe(0)
  })

  test('once they are sent are only waited for no more: what became of them is the node’s to say', async () => {
    const { buyer, seller } = scriptedPair()
    const controller = new AbortController()
    const { signal } = controller
    const going = Promise.withResolvers<void>()
    buyer.script = async () => {
      controller.abort()
      await going.promise
      return undefined
    }
    const { request, paymentHash } = await createInvoice(seller, sat(5))
    expect(await payInvoice(buyer, request, { signal })).toEqual({ status: 'pending' })
    expect(getEventListeners(signal, 'abort')).toEqual([])
    going.resolve()
    await until(() => seller.settlements.length === 1)
    expect(await buyer.lookupPayment(paymentHash)).toMatchObject({ status: 'settled' })
  })
})
