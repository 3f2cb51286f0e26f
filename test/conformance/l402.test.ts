/*
 * What L402 asks of a seller, by a client that speaks it by hand.
 */
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { decodeIdentifier, formatMacaroon, type Macaroon, parseMacaroon } from '../../src/wire/l402/macaroon.ts'
import { type MarketOptions, openMarket } from '../trade/market.ts'
import { FieldClient } from './field.ts'

interface Token {
  readonly macaroon: string
  readonly invoice: string
}

async function openTokens(options: Partial<MarketOptions> = {}) {
  const shop = { served: 0 }
  const market = await openMarket({
    handler: () => {
      shop.served++
      return new Response('sold')
    },
    price: '2 sat/request',
    allowance: '6 sat',
    schemes: ['l402'],
    scope: 'weather',
    ...options,
  })
  const client = new FieldClient(market)
  const ask = async (): Promise<Token> => tokenIn(await fetch(market.url))
  const show = (authorization: string) => fetch(market.url, { headers: { authorization } })
  /** A token that was paid for, as its header. */
  const buy = async () => {
    const token = await ask()
    const { preimage, paymentHash } = client.payInvoice(token.invoice)
    return { ...token, preimage, paymentHash, authorization: `L402 ${token.macaroon}:${preimage}` }
  }
  return { market, shop, client, ask, show, buy }
}

/** As the clients that are deployed look for it. */
function tokenIn(response: Response): Token {
  expect(response.status).toBe(402)
  const header = response.headers.get('www-authenticate') ?? ''
  const match = /L402 macaroon="(.*?)", invoice="(.*?)"/.exec(header)
  if (!match) throw new Error(`no token in: ${header.slice(0, 200)}`)
  return { macaroon: match[1]!, invoice: match[2]! }
}

/** Adds a caveat as whoever holds a token can. */
function narrowed(text: string, caveat: string): string {
  const macaroon = parseMacaroon(text)
  const signature = new Uint8Array(createHmac('sha256', macaroon.signature).update(caveat).digest())
  return formatMacaroon({ ...macaroon, caveats: [...macaroon.caveats, caveat], signature })
}

const changed = (text: string, change: Partial<Macaroon>): string =>
  formatMacaroon({ ...parseMacaroon(text), ...change })

describe('an L402 challenge', () => {
  test('has version, token and invoice, under both names, and the token commits to the payment hash', async () => {
    const { ask, market } = await openTokens()
    const header = (await fetch(market.url)).headers.get('www-authenticate') ?? ''
    const { macaroon, invoice } = await ask()
    for (const scheme of ['LSAT', 'L402']) {
      expect(header).toContain(
        `${scheme} macaroon="${macaroon}", invoice="${invoice}", version="0", token="${macaroon}"`,
      )
    }
    const { identifier } = parseMacaroon(macaroon)
    expect(identifier).toHaveLength(66)
    expect(decodeIdentifier(identifier)?.paymentHash).toBe(decodeInvoice(invoice).paymentHash)
    expect(decodeInvoice(invoice).amount).toBe(6000n)
  })

  test('is asked for again by the same client without another call to the node', async () => {
    const { ask, market } = await openTokens()
    const first = await ask()
    const before = market.nodes.seller.calls
    for (let i = 0; i < 5; i++) expect(await ask()).toEqual(first)
    expect(market.nodes.seller.calls).toBe(before)
  })
})

describe('a token', () => {
  test('that nobody paid for is refused, with a challenge', async () => {
    const { ask, show, shop } = await openTokens()
    const { macaroon } = await ask()
    tokenIn(await show(`L402 ${macaroon}:${'0'.repeat(64)}`))
    expect(shop.served).toBe(0)
  })

  test('is good until its allowance is drawn down, and then for a fresh 402', async () => {
    const { buy, show, shop } = await openTokens()
    const { authorization, paymentHash, macaroon } = await buy()
    for (let i = 0; i < 3; i++) {
      const response = await show(authorization)
      expect([response.status, await response.text()]).toEqual([200, 'sold'])
      const receipt = Buffer.from(response.headers.get('payment-receipt') ?? '', 'base64url').toString()
      expect(JSON.parse(receipt)).toMatchObject({ reference: paymentHash })
    }
    const fresh = tokenIn(await show(authorization))
    expect(fresh.macaroon).not.toBe(macaroon)
    expect(shop.served).toBe(3)
  })

  test('shown from 50 connections at once is drawn down no further', async () => {
    const { buy, show, shop } = await openTokens()
    const { authorization } = await buy()
    const answers = await Promise.all(Array.from({ length: 50 }, () => show(authorization)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(47)
    expect(shop.served).toBe(3)
  })

  test('is known as LSAT, and where the preimage is in capitals', async () => {
    const { buy, show } = await openTokens()
    const { macaroon, preimage } = await buy()
    expect((await show(`LSAT ${macaroon}:${preimage}`)).status).toBe(200)
    expect((await show(`lsat ${macaroon}:${preimage.toUpperCase()}`)).status).toBe(200)
  })

  test('with a caveat that is not known here is as good as without', async () => {
    const { buy, show } = await openTokens()
    const { macaroon, preimage } = await buy()
    expect((await show(`L402 ${narrowed(macaroon, 'other_app=1')}:${preimage}`)).status).toBe(200)
  })

  test('that its holder let expire is refused', async () => {
    const { buy, show, shop } = await openTokens()
    const { macaroon, preimage, authorization } = await buy()
    tokenIn(await show(`L402 ${narrowed(macaroon, 'weather_valid_until=1')}:${preimage}`))
    tokenIn(await show(`L402 ${narrowed(macaroon, 'services=other:0')}:${preimage}`))
    expect(shop.served).toBe(0)
    expect((await show(authorization)).status).toBe(200)
  })

  test('of another resource opens nothing here', async () => {
    const secret = new Uint8Array(32).fill(9)
    const here = await openTokens({ secret })
    const there = await openTokens({ secret, scope: 'films' })
    const { authorization } = await here.buy()
    tokenIn(await there.show(authorization))
    expect(there.shop.served).toBe(0)
  })

  type Bought = Awaited<ReturnType<Awaited<ReturnType<typeof openTokens>>['buy']>>
  const cases: Array<[string, (bought: Bought) => string]> = [
    ['no base64', ({ preimage }) => `L402 !!!:${preimage}`],
    ['a colon too many', ({ macaroon, preimage }) => `L402 ${macaroon}::${preimage}`],
    ['no preimage', ({ macaroon }) => `L402 ${macaroon}:`],
    [
      'a preimage in base64',
      ({ macaroon, preimage }) => `L402 ${macaroon}:${Buffer.from(preimage, 'hex').toString('base64')}`,
    ],
    ['the preimage of something else', ({ macaroon }) => `L402 ${macaroon}:${'ab'.repeat(32)}`],
    [
      'another signature',
      ({ macaroon, preimage }) => `L402 ${changed(macaroon, { signature: new Uint8Array(32) })}:${preimage}`,
    ],
    ['its caveats taken off', ({ macaroon, preimage }) => `L402 ${changed(macaroon, { caveats: [] })}:${preimage}`],
    [
      'a later end than it was given',
      ({ macaroon, preimage }) => `L402 ${narrowed(macaroon, 'weather_valid_until=99999999999')}:${preimage}`,
    ],
    [
      'a larger allowance than it was given',
      ({ macaroon, preimage }) => `L402 ${narrowed(macaroon, 'weather_allowance=1000000:request')}:${preimage}`,
    ],
    [
      'a higher tier than it was given',
      ({ macaroon, preimage }) => `L402 ${narrowed(macaroon, 'services=weather:9')}:${preimage}`,
    ],
    ['part of itself', ({ macaroon, preimage }) => `L402 ${macaroon.slice(0, 40)}:${preimage}`],
  ]

  test.each(cases)('with %s is refused with a 402 and a challenge', async (_, make) => {
    const { buy, show, shop } = await openTokens()
    const bought = await buy()
    const response = await show(make(bought))
    const text = await response.clone().text()
    expect(text).not.toContain(bought.preimage)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('payment-receipt')).toBeNull()
    tokenIn(response)
    expect(shop.served).toBe(0)
    expect((await show(bought.authorization)).status).toBe(200)
  })

  test('is good for a seller that starts again', async () => {
    const ledger = openLedger(':memory:')
    const secret = new Uint8Array(32).fill(5)
    const first = await openTokens({ ledger, secret })
    const { authorization } = await first.buy()
    expect((await first.show(authorization)).status).toBe(200)
    await first.market.close()
    const next = await openTokens({ ledger, secret, nodes: first.market.nodes })
    for (const status of [200, 200, 402]) expect((await next.show(authorization)).status).toBe(status)
  })
})
