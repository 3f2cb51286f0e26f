import { expect, test } from 'vitest'
import { Received } from '../../src/buyer/received/received.ts'
import { price } from '../../src/money/price.ts'
import { openMarket, readAll, rejection, Source, sleep, until } from './market.ts'
import { RawBuyer } from './wire.ts'

const KIB = 1024

test('what left for a request that was cut is lost, and the next request does not wait for it', async () => {
  let requests = 0
  const market = await openMarket({
    graceMs: 20_000,
    handler: () => new Response(new Source((requests++ === 0 ? 100 : 2) * KIB).body),
  })
  const buyer = market.buyer({ ahead: '3 sat' })
  const reader = (await buyer.fetch(market.url)).body!.getReader()
  await reader.read()
  await reader.cancel()
  // As if all that is paid had left on the connection that was cut: the window holds nothing more.
  const { gate } = market.account
  gate.reserve(10n ** 6n, 1n)
  // Where the window still has room it is paid for; where it has none the reader is told: it never just waits.
  const outcome = await buyer
    .fetch(market.url)
    .then(readAll)
    .catch((error) => error.code)
  expect([2 * KIB, 'window-too-small']).toContain(outcome)
})

test('an answer that left and never came is lost, and no lie of the seller', async () => {
  const market = await openMarket({ price: '1 sat/request', handler: () => new Response('whole') })
  let lose = false
  const buyer = market.buyer({
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (!lose || !response.headers.has('payment-receipt')) return response
      throw new TypeError('the connection was reset')
    },
  })
  await readAll(await buyer.fetch(market.url))
  lose = true
  await expect(buyer.fetch(market.url)).rejects.toMatchObject({ code: 'seller-unreachable' })
  const [closing] = await buyer.close()
  expect(closing?.statement.steps).toBe(2n)
  expect(closing?.dispute).toBeUndefined()
})

test('of what an earlier run received and could not note, the seller may count some', () => {
  const perRequest = price(1000n, 1n, 'request')
  expect(new Received({ price: perRequest }).excess(1n, 5n, 0)).toBe(1n)
  expect(new Received({ price: perRequest }, 0n).excess(1n, 5n, 0)).toBe(0n)
  expect(new Received({ price: perRequest }, 0n).excess(6n, 5n, 0)).toBe(1n)
})

test('a client that leaves before its answer is no trouble for the operator', async () => {
  const market = await openMarket({ handler: () => new Response('never paid for'), graceMs: 20_000 })
  const raw = await new RawBuyer(market).agree()
  const left = new AbortController()
  const request = raw.use({ signal: left.signal })
  await until(() => market.account.gate.shut, 'it waits for money')
  left.abort()
  await expect(request).rejects.toThrow()
  await until(() => market.account.activeDeliveries === 0)
  expect(market.events.filter(({ type }) => type === 'error')).toEqual([])
})

test.each(['2 sat/request', '1 sat/KiB'])('a body that breaks off is told as such, sold for %s', async (price) => {
  const body = () =>
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new Uint8Array(100))
        await sleep(20)
        controller.error(new Error('the source broke'))
      },
    })
  const market = await openMarket({ price, handler: () => new Response(body()), graceMs: 20_000 })
  const error = await rejection(market.buyer().fetch(market.url).then(readAll))
  expect(error).toMatchObject({ code: 'stream-interrupted', details: { agreement: market.account.agreement.id } })
})

test('a seller that is gone while it says how an agreement stands is told as such', async () => {
  const market = await openMarket({ handler: () => new Response(new Source(100 * KIB).body), graceMs: 20_000 })
  let cut = false
  const buyer = market.buyer({
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (!cut || response.headers.get('content-type') !== 'text/event-stream') return response
      const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) })
      return new Response(broken, response)
    },
  })
  const reader = (await buyer.fetch(market.url)).body!.getReader()
  await reader.read()
  await reader.cancel()
  cut = true
  expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'seller-unreachable' })
})
