import { describe, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, PricedRoute, type WallOptions } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { openMarket, readAll, rejection } from './market.ts'

const bytes =
  (total: number): PaidHandler =>
  () =>
    new Response(new Uint8Array(total))

/** Routes of one seller, each at its path. */
async function shop(routes: Record<string, WallOptions>) {
  const nodes = scriptedPair()
  const seller = new Seller({ node: nodes.seller })
  const open = new Map(Object.entries(routes).map(([path, options]) => [path, new PricedRoute(seller, options)]))
  const server = await serve((request) => open.get(new URL(request.url).pathname)!.handle(bytes(1024), request), {
    port: 0,
  })
  const buyer = createBuyer({ node: nodes.buyer, max: '1000 sat' })
  return {
    seller,
    buyer,
    route: (path: string) => open.get(path)!,
    get: async (path: string) => readAll(await buyer.fetch(server.url + path)),
    url: (path: string) => server.url + path,
    async [Symbol.asyncDispose]() {
      await buyer.close({ keep: true })
      await server.close(0)
      await seller.close()
    },
  }
}

describe('terms that change while a wall is open', () => {
  test('hold for whoever comes next; an agreement keeps its own, also in another unit', async () => {
    await using market = await shop({ '/a': { price: '1 sat/KiB', scope: 'a' } })
    await market.get('/a')
    market.route('/a').setTerms({ price: { request: '3 sat' }, credit: '2 sat' })
    const offer = await market.buyer.price(market.url('/a'))
    expect(offer).toMatchObject({ tariff: { request: 3000n }, credit: { start: 2000n }, scope: 'a' })
    // The buyer has an agreement at the old price.
    await market.get('/a')
    const [first] = await market.buyer.close()
    expect(first?.statement).toMatchObject({ steps: 2048n, delivered: 2000n })
    await market.get('/a')
    const closings = await market.buyer.close()
    expect(closings.at(-1)?.statement).toMatchObject({ steps: 3000n, price: { unit: 'msat' } })
    expect(closings.every(({ dispute }) => dispute === undefined)).toBe(true)
  })

  test('what is left out stays as it is', async () => {
    await using market = await shop({
      '/a': { price: '1 sat/KiB', scope: 'a', credit: '5 sat', smallestPayment: '2 sat' },
    })
    market.route('/a').setTerms({ price: '2 sat/KiB' })
    expect(market.route('/a').terms).toMatchObject({
      price: { msat: 2000n },
      credit: { start: 5000n },
      smallestPayment: 2000n,
      negotiable: false,
    })
    market.route('/a').setTerms({ credit: '1 sat' })
    expect(market.route('/a').terms).toMatchObject({ price: { msat: 2000n }, credit: { start: 1000n } })
  })

  test('an agreement never opens another scope, cheap or dear', async () => {
    await using market = await shop({
      '/a': { price: '1 sat/KiB', scope: 'a' },
      '/b': { price: '1 sat/KiB', scope: 'b' },
    })
    await market.get('/a')
    await market.get('/b')
    expect(market.seller.accounts.inMemory.size).toBe(2)
  })

  test('walls of one name ask the same, until the last of them is gone', async () => {
    await using market = await shop({
      '/a': { price: '1 sat/KiB', scope: 'a' },
      '/b': { price: '1 sat/KiB', scope: 'a' },
    })
    const { seller } = market
    expect(() => new PricedRoute(seller, { price: '2 sat/KiB', scope: 'a' })).toThrow(/is sold for 1 sat\/KiB already/)
    expect(() => market.route('/a').setTerms({ price: '2 sat/KiB' })).toThrow(/is sold for 1 sat\/KiB already/)
    market.route('/b').close()
    market.route('/a').setTerms({ price: '2 sat/KiB' })
    market.route('/a').close()
    expect(new PricedRoute(seller, { price: { request: '1 sat' }, scope: 'a' }).terms.scope).toBe('a')
  })

  test('a wall without a name is its price', async () => {
    await using market = await shop({ '/a': { price: '1 sat/KiB' }, '/b': { price: '1 sat/KiB' } })
    await market.get('/a')
    await market.get('/b')
    expect(market.seller.accounts.inMemory.size).toBe(1)
    expect(() => market.route('/a').setTerms({ price: '2 sat/KiB' })).toThrow(/needs a scope/)
    market.route('/a').setTerms({ credit: '1 sat' })
    expect(market.route('/a').terms.scope).toBe('/1-sat/KiB')
  })
})

describe('what a buyer accepts of a tariff', () => {
  const price = { input: '1 sat/1k tokens', output: '2 sat/1k tokens', minimum: '1 sat' }
  const handler: PaidHandler = () => Response.json({ usage: { prompt_tokens: 1, completion_tokens: 1 } })

  test.each([
    ['no limit at all', undefined, undefined],
    ['a limit for each unit', ['2 sat/1k tokens', '1 sat/request'], undefined],
    ['one charge above its limit', ['1 sat/1k tokens', '1 sat/request'], 'price-too-high'],
    ['a minimum above its limit', ['2 sat/1k tokens', '999 msat/request'], 'price-too-high'],
    ['no limit for a unit of it', '2 sat/1k tokens', 'unit-mismatch'],
    ['limits for other units', ['1 sat/MiB', '1 sat/s'], 'unit-mismatch'],
  ])('%s', async (_, maxPrice, code) => {
    const market = await openMarket({ price, handler })
    const buyer = market.buyer({ ...(maxPrice && { maxPrice }) })
    if (!code) return void (await (await buyer.fetch(market.url)).text())
    const error = await rejection(buyer.fetch(market.url))
    expect(error).toMatchObject({ code })
    expect(error.message).toContain('1 sat/1k input tokens + 2 sat/1k output tokens, at least 1 sat/request')
    if (code === 'unit-mismatch') expect(error.message).toContain('(token, request)')
  })

  test('an earlier run’s agreement goes on under its tariff, where that is no dearer than what is asked', async () => {
    const journal = openJournal(':memory:')
    const market = await openMarket({ price: { request: '2 sat' }, handler: () => new Response('x') })
    const first = market.buyer({ journal, ahead: '20 sat' })
    await (await first.fetch(market.url)).text()
    await first.close({ keep: true })
    const second = market.buyer({ journal, ahead: '20 sat' })
    await (await second.fetch(market.url)).text()
    expect(second.trades).toHaveLength(1)
    expect(second.trades[0]).toMatchObject({ resumed: true, steps: 4000n })
    const [closing] = await second.close()
    expect(closing).toMatchObject({ statement: { steps: 4000n } })
    expect(closing?.dispute).toBeUndefined()
  })
})

test('what takes no handler: a credential is authorized, and its delivery counts by hand', async () => {
  const nodes = scriptedPair()
  const seller = new Seller({ node: nodes.seller })
  const route = new PricedRoute(seller, {
    price: { request: '1 sat', upload: '1 sat/byte', output: '1 sat/byte' },
    scope: 's',
  })
  const other = new PricedRoute(seller, { price: '1 sat/KiB', scope: 'other' })
  const seen: string[] = []
  const server = await serve(
    async (request) => {
      try {
        const account = await route.authorize(request)
        if (!account) return await route.handle(() => new Response('never'), request)
        seen.push((await rejection(other.authorize(request))).code!)
        const delivery = route.deliver(request, account)
        await delivery.begin()
        await delivery.upload(3)
        await delivery.add(2)
        delivery.end()
        return new Response('12')
      } catch (error) {
        return route.problem(error, request)
      }
    },
    { port: 0 },
  )
  const buyer = createBuyer({ node: nodes.buyer })
  expect(await (await buyer.fetch(server.url, { method: 'POST', body: 'abc' })).text()).toBe('12')
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { steps: 6000n } })
  expect(closing?.dispute).toBeUndefined()
  expect(seen).toEqual(['agreement-elsewhere'])
  await server.close(0)
  await seller.close()
})
