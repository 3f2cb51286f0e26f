/*
 * What a 402 offers under several schemes, by what the client accepts; and that one payment serves one of them.
 */
import { describe, expect, test } from 'vitest'
import { readChallenges } from '../../src/wire/challenges.ts'
import { type MarketOptions, openMarket } from '../trade/market.ts'
import { FieldClient, invoiceOf } from './field.ts'

const SCHEMES = ['stream', 'session', 'charge', 'l402'] as const

async function openAll(options: Partial<MarketOptions> = {}) {
  const shop = { served: 0 }
  const market = await openMarket({
    handler: () => {
      shop.served++
      return new Response('sold')
    },
    price: '2 sat/request',
    schemes: SCHEMES,
    ...options,
  })
  const offered = async (accepts?: string) => {
    const response = await fetch(market.url, accepts === undefined ? {} : { headers: { 'accept-payment': accepts } })
    expect(response.status).toBe(402)
    const header = response.headers.get('www-authenticate') ?? ''
    const { options, skipped } = readChallenges(header)
    expect(skipped).toEqual([])
    return { schemes: options.map(({ scheme }) => scheme), options, response, header }
  }
  return { market, shop, offered, client: new FieldClient(market) }
}

describe('Accept-Payment', () => {
  test.each<[string | undefined, string[]]>([
    [undefined, ['stream', 'session', 'charge', 'l402']],
    ['*/*', ['stream', 'session', 'charge', 'l402']],
    ['lightning/charge', ['charge', 'l402']],
    ['lightning/charge;q=0.5, lightning/session', ['session', 'charge', 'l402']],
    ['lightning/session, lightning/charge', ['session', 'charge', 'l402']],
    ['lightning/*, lightning/session;q=0', ['stream', 'charge', 'l402']],
    ['lightning/*;q=0.2, lightning/charge;q=0.9', ['charge', 'stream', 'session', 'l402']],
    ['tempo/charge', ['stream', 'session', 'charge', 'l402']],
    ['nonsense;;', ['stream', 'session', 'charge', 'l402']],
  ])('of %s: %j', async (accepts, expected) => {
    const { offered } = await openAll()
    expect((await offered(accepts)).schemes).toEqual(expected)
  })
})

describe('a 402 of all schemes', () => {
  test('names one invoice in all of them, which makes no other while it is not paid, and stays below 8 KiB', async () => {
    const { offered, market } = await openAll()
    const { options, header } = await offered()
    const invoices = options.flatMap((option) => {
      if (option.scheme === 'l402') return [option.challenge.invoice]
      return option.scheme === 'stream' ? [] : [invoiceOf(option.challenge)]
    })
    expect(invoices).toHaveLength(3)
    expect(new Set(invoices).size).toBe(1)
    for (const challenge of header.split(/, (?=Payment |L402 |LSAT )/)) expect(challenge.length).toBeLessThan(8192)
    const before = market.nodes.seller.calls
    for (let i = 0; i < 20; i++) await offered()
    expect(market.nodes.seller.calls).toBe(before)
  })

  test('serves what was paid under the first scheme that shows it, and under no other', async () => {
    const { offered, client, shop } = await openAll()
    const { options } = await offered()
    const of = (name: 'charge' | 'session') => options.find(({ scheme }) => scheme === name)!.challenge as never
    const paid = client.pay(of('charge'))
    expect((await client.send(paid.challenge, { preimage: paid.preimage })).status).toBe(200)
    expect((await client.open({ ...paid, challenge: of('session') })).status).toBe(402)
    const token = options.find((option) => option.scheme === 'l402')!
    const authorization = `L402 ${token.challenge.token}:${paid.preimage}`
    expect((await fetch(client.url, { headers: { authorization } })).status).toBe(402)
    expect(shop.served).toBe(1)
  })

  test('has stream alone where too many invoices wait to be paid, and says when there will be more', async () => {
    const { offered, market } = await openAll({ limits: { unpaidOffers: 2 }, trustProxy: 1 })
    const from = (address: string) => fetch(market.url, { headers: { 'x-forwarded-for': address } })
    const schemesOf = async (response: Response) => {
      await response.body?.cancel()
      return readChallenges(response.headers.get('www-authenticate') ?? '').options.map(({ scheme }) => scheme)
    }
    for (const address of ['10.0.0.1', '10.0.0.2']) expect(await schemesOf(await from(address))).toEqual(SCHEMES)
    const before = market.nodes.seller.calls
    for (let i = 3; i < 30; i++) {
      const response = await from(`10.0.0.${i}`)
      expect(response.status).toBe(402)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await schemesOf(response)).toEqual(['stream'])
    }
    expect(market.nodes.seller.calls).toBe(before)
    expect((await offered()).schemes).toEqual(['stream'])
  })

  test('is not used for a scheme that the wall does not offer', async () => {
    const { client, shop } = await openAll()
    const paid = client.pay(await client.ask('charge'))
    const other = await openMarket({
      handler: () => new Response('other'),
      price: '2 sat/request',
      schemes: ['stream'],
      nodes: client.market.nodes,
    })
    const response = await new FieldClient(other).send(paid.challenge, { preimage: paid.preimage })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ type: 'https://paymentauth.org/problems/method-unsupported' })
    expect(shop.served).toBe(0)
  })
})
