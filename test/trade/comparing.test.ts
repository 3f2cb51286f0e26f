import { afterEach, describe, expect, test } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import type { SellerNews, Sellers } from '../../src/buyer/offers/sellers.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { comparePrices, formatPrice, parsePrice } from '../../src/money/price.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, PricedRoute, type WallOptions } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { type BuyerStrategy, bidFromTo, concedeWithin } from '../../src/terms/strategy.ts'
import { bytes, readAll, rejection, until } from './market.ts'

interface Shop {
  readonly url: string
  readonly route: PricedRoute
  readonly seller: Seller
  /** Requests that it served, and requests of any kind. */
  readonly served: () => number
  readonly asked: () => readonly Request[]
  /** Takes another answer than the wall's. */
  answer: ((request: Request) => Response | Promise<Response> | undefined) | undefined
  close(): Promise<void>
}

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Sellers of the same kibibyte, each at its price, with one node that pays them all; `payee` of each is a key of its own. */
async function market(prices: ReadonlyArray<string | WallOptions>, handler: PaidHandler = bytes(1024)) {
  const nodes = scriptedPair()
  const shops: Shop[] = []
  for (const [index, options] of prices.entries()) {
    const seller = new Seller({ node: nodes.seller })
    const route = new PricedRoute(seller, {
      scope: `s${index}`,
      ...(typeof options === 'string' ? { price: options } : options),
    })
    let served = 0
    const asked: Request[] = []
    const shop: Partial<Shop> & { answer: Shop['answer'] } = { answer: undefined }
    const server: RunningServer = await serve(
      (request) => {
        asked.push(request)
        const sold: PaidHandler = (passed, meter) => {
          served++
          return handler(passed, meter)
        }
        return shop.answer?.(request) ?? route.handle(sold, request)
      },
      { port: 0 },
    )
    let closed: Promise<void> | undefined
    const close = () => (closed ??= server.close(0).then(() => seller.close()))
    shops.push(Object.assign(shop, { url: server.url, route, seller, served: () => served, asked: () => asked, close }))
    closing.push(close)
  }
  const news: SellerNews[] = []
  const buyer = (sellers: Partial<Sellers> = {}, options: Partial<BuyerOptions> = {}): Buyer => {
    const urls = shops.map(({ url }) => url)
    const made = createBuyer({
      node: nodes.buyer,
      sellers: { urls, lookAgainMs: 0, onNews: (told) => void news.push(told), ...sellers },
      ...options,
    })
    closing.push(() => made.close({ keep: true }))
    return made
  }
  const told = () =>
    news.map(({ type, url, error }) => [type, shops.findIndex((shop) => shop.url === url), error?.code])
  return { nodes, shops, buyer, told }
}

const get = async (buyer: Buyer, path = '/thing', init?: RequestInit) => readAll(await buyer.fetch(path, init))

describe('several sellers of the same', () => {
  test('the cheapest per unit is bought from, however it writes its price', async () => {
    const { buyer, shops, told } = await market(['3 sat/KiB', '2500 sat/MiB', '1000 sat/MB'])
    const own = buyer()
    expect(await get(own)).toBe(1024)
    expect(shops.map(({ served }) => served())).toEqual([0, 0, 1])
    expect(told()).toEqual([['chosen', 2, undefined]])
    expect(formatPrice((await own.price('/thing'))!.price)).toBe('1 000 sat/MB')
  })

  test('a look shows a seller neither headers nor body', async () => {
    const { buyer, shops } = await market(['2 sat/KiB', '1 sat/KiB'])
    await get(buyer(), '/thing', { method: 'POST', headers: { 'x-own': 'mine' }, body: 'a secret' })
    expect(
      shops[0]!.asked().map(({ method, headers }) => [method, headers.get('x-own'), headers.get('content-length')]),
    ).toEqual([['POST', null, '0']])
    expect(shops[1]!.served()).toBe(1)
  })

  test('it is left when another is cheaper by enough: between requests, with its balance taken back', async () => {
    const { buyer, shops, told, nodes } = await market(['4 sat/KiB', '5 sat/KiB'])
    const own = buyer({ betterBy: 10 })
    await get(own)
    shops[1]!.route.setTerms({ price: '3700 msat/KiB' })
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([2, 0])
    shops[1]!.route.setTerms({ price: '2 sat/KiB' })
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([2, 1])
    expect(told()).toEqual([
      ['chosen', 0, undefined],
      ['left', 0, undefined],
      ['chosen', 1, undefined],
    ])
    await until(() => own.closings.length === 1, 'the first agreement closed')
    const [left] = own.closings
    expect(left!.statement).toMatchObject({ steps: 2048n, delivered: 8000n })
    expect(left!.dispute).toBeUndefined()
    const all = await own.close()
    const paid = nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    const kept = all.reduce(
      (sum, { statement, returned, amount }) => sum + statement.paid - (returned === 'settled' ? amount : 0n),
      0n,
    )
    expect(all.reduce((sum, { statement }) => sum + statement.paid, 0n)).toBe(paid)
    expect(kept).toBe(10_000n)
  })

  test('what is being read when its seller is left is read to its end', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow: PaidHandler = (request) =>
      request.url.endsWith('/slow')
        ? new Response(
            new ReadableStream<Uint8Array>({
              async start(controller) {
                controller.enqueue(new Uint8Array(512))
                await promise
                controller.enqueue(new Uint8Array(512))
                controller.close()
              },
            }),
          )
        : new Response(new Uint8Array(1024))
    const { buyer, shops } = await market(['4 sat/KiB', '5 sat/KiB'], slow)
    const own = buyer()
    const first = await own.fetch('/slow')
    shops[1]!.route.setTerms({ price: '1 sat/KiB' })
    await get(own)
    expect(shops[1]!.served()).toBe(1)
    resolve()
    expect(await readAll(first)).toBe(1024)
    await until(() => own.closings.length === 1, 'the first agreement closed')
    expect(own.closings[0]!.statement.steps).toBe(1024n)
  })

  test('one that raises its price is left, and none is bought from above the limit', async () => {
    const { buyer, shops } = await market(['1 sat/KiB', '2 sat/KiB'])
    const own = buyer({}, { maxPrice: '3 sat/KiB' })
    await get(own)
    shops[0]!.route.setTerms({ price: '9 sat/KiB' })
    // The agreement keeps its price, and is the cheapest still.
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([2, 0])
    await own.close()
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([2, 1])
    await own.close()
    shops[1]!.route.setTerms({ price: '4 sat/KiB' })
    expect((await rejection(get(own))).code).toBe('price-too-high')
  })

  test('one that vanishes is left for the next, and its agreement stays in the journal', async () => {
    const { buyer, shops, told } = await market(['1 sat/KiB', '2 sat/KiB'])
    const own = buyer({ lookAgainMs: Number.POSITIVE_INFINITY })
    await get(own)
    await shops[0]!.close()
    expect(await get(own)).toBe(1024)
    expect(shops[1]!.served()).toBe(1)
    expect(told()).toEqual([
      ['chosen', 0, undefined],
      ['out', 0, 'seller-unreachable'],
      ['chosen', 1, undefined],
    ])
    expect(own.trades.map(({ state }) => state)).toContain('open')
  })

  test('what is not to be repeated is not sent to the next seller once it may have begun', async () => {
    const { buyer, shops } = await market(['1 sat/KiB', '2 sat/KiB'])
    const own = buyer({ lookAgainMs: Number.POSITIVE_INFINITY })
    await get(own, '/thing', { method: 'POST', body: '{}' })
    shops[0]!.answer = (request) =>
      request.headers.has('authorization') ? new Response('busy', { status: 503 }) : undefined
    const answer = await own.fetch('/thing', { method: 'POST', body: '{}' })
    expect(answer.status).toBe(503)
    await get(own)
    expect(shops[1]!.served()).toBe(1)
  })

  test('one whose node key is another than before is not bought from any more', async () => {
    const { buyer, shops, told } = await market(['1 sat/KiB', '2 sat/KiB'])
    const own = buyer()
    await get(own)
    await own.close()
    const impostor = new Seller({ node: scriptedPair().seller })
    closing.push(() => impostor.close())
    const wall = new PricedRoute(impostor, { price: '1 msat/KiB', scope: 's0' })
    shops[0]!.answer = (request) => wall.handle(bytes(1024), request)
    await get(own)
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([1, 2])
    expect(told().slice(1)).toEqual([
      ['out', 0, 'seller-changed'],
      ['chosen', 1, undefined],
    ])
  })

  test('also where it changes its key between a look and a purchase', async () => {
    const { buyer, shops } = await market(['1 sat/KiB', '2 sat/KiB'])
    const own = buyer({ lookAgainMs: Number.POSITIVE_INFINITY })
    await get(own)
    await own.close()
    const impostor = new Seller({ node: scriptedPair().seller })
    closing.push(() => impostor.close())
    const wall = new PricedRoute(impostor, { price: '1 msat/KiB', scope: 's0' })
    shops[0]!.answer = (request) => wall.handle(bytes(1024), request)
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([1, 1])
    expect(own.trades.every(({ price }) => price.msat > 1n)).toBe(true)
  })

  test('a strategy that throws stops the purchase, with its own words, and no seller is paid', async () => {
    const { buyer, nodes } = await market([{ price: '1 sat/KiB', floor: '50%' }, '2 sat/KiB'])
    const strategy: BuyerStrategy = () => {
      throw new Error('no idea')
    }
    const error = await rejection(get(buyer({}, { strategy })))
    expect(error).toMatchObject({ code: 'strategy-failed', message: 'no idea' })
    expect(nodes.seller.settlements).toHaveLength(0)
  })

  test('haggles with the cheapest, within the limit, and goes to the next where they do not meet', async () => {
    const { buyer, shops } = await market([
      { price: '5 sat/KiB', floor: '4500 msat/KiB' },
      { price: '6 sat/KiB', floor: '50%' },
    ])
    const limit = parsePrice('4 sat/KiB')
    const own = buyer({}, { maxPrice: limit, strategy: concedeWithin([limit], { share: 50_000n }, 4) })
    await get(own)
    expect(shops.map(({ served }) => served())).toEqual([0, 1])
    const [trade] = own.trades
    // Bids of 2 and 2 2/3 are below its floor of 3; the third is not.
    expect(comparePrices(trade!.price, parsePrice('10 sat/3 KiB'))).toBe(0)
  })

  test('the limit holds whatever the strategy says', async () => {
    const { buyer, nodes } = await market([{ price: '5 sat/KiB', floor: '4 sat/KiB' }])
    const eager = bidFromTo(parsePrice('4500 msat/KiB'), parsePrice('9 sat/KiB'), 2)
    const error = await rejection(get(buyer({}, { maxPrice: '4 sat/KiB', strategy: eager })))
    expect(error.code).toBe('price-too-high')
    expect(nodes.seller.settlements).toHaveLength(0)
  })

  test('options that make no sense are refused', () => {
    const node = scriptedPair().buyer
    for (const sellers of [
      [],
      ['ftp://a'],
      ['a'],
      { urls: ['http://a'], betterBy: 100 },
      { urls: ['http://a'], lookAgainMs: -1 },
    ]) {
      expect(() => createBuyer({ node, sellers })).toThrow(expect.objectContaining({ code: 'option-invalid' }))
    }
    expect(() => createBuyer({ node, sellers: Array.from({ length: 17 }, (_, i) => `http://a/${i}`) })).toThrow()
  })
})
