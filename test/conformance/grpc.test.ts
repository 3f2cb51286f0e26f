/*
 * What L402 asks of both sides of a call of gRPC, by a client and a server that write it by hand. A client of another's making: `test/gateway/grpc.test.ts`.
 */
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import {
  encodeIdentifier,
  encodeMacaroon,
  formatMacaroon,
  type Macaroon,
  mintMacaroon,
  parseMacaroon,
} from '../../src/wire/l402/macaroon.ts'
import { atEnd } from '../schemes/stand.ts'
import { type MarketOptions, openMarket } from '../trade/market.ts'
import { FieldClient } from './field.ts'

type Headers = Readonly<Record<string, string>>

async function openCalls(options: Partial<MarketOptions> = {}) {
  const shop = { served: 0 }
  const handler = () => {
    shop.served++
    return new Response('sold', { headers: { 'content-type': 'application/grpc' } })
  }
  const market = await openMarket({
    ...{ handler, price: '2 sat/request', allowance: '4 sat', schemes: ['l402'] as const },
    ...options,
  })
  const client = new FieldClient(market)
  const call = (headers: Headers = {}, type = 'application/grpc') =>
    fetch(market.url, { method: 'POST', headers: { 'content-type': type, ...headers }, body: 'asked' })
  const buy = async () => {
    const { macaroon, invoice } = await challengeOf(await call())
    const { preimage } = client.payInvoice(invoice)
    return { macaroon: parseMacaroon(macaroon), text: macaroon, preimage }
  }
  return { market, shop, call, buy }
}

/** Reads a challenge as the clients that are deployed do, and holds all that a library of gRPC looks at. */
async function challengeOf(
  response: Response,
): Promise<{ macaroon: string; invoice: string; problem: { code: string } }> {
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^application\/grpc/)
  expect(response.headers.get('grpc-status')).toBe('13')
  expect(response.headers.get('grpc-message')).toBe('payment required')
  expect(response.headers.get('payment-receipt')).toBeNull()
  expect(await response.text(), 'nothing but headers').toBe('')
  const match = /(?:LSAT|L402) macaroon="(.*?)", invoice="(.*?)"/.exec(response.headers.get('www-authenticate') ?? '')
  if (!match) throw new Error('no token')
  const problem = JSON.parse(Buffer.from(response.headers.get('problem-bin') ?? '', 'base64').toString())
  return { macaroon: match[1]!, invoice: match[2]!, problem }
}

/** As a client adds its preimage, and as libraries of gRPC write metadata. */
function metadata(macaroon: Macaroon, caveat: string): string {
  const signature = new Uint8Array(createHmac('sha256', macaroon.signature).update(caveat).digest())
  const narrowed = { ...macaroon, caveats: [...macaroon.caveats, caveat], signature }
  return Buffer.from(encodeMacaroon(narrowed)).toString('hex')
}

describe('a call of gRPC', () => {
  test.each([
    'application/grpc',
    'application/grpc+proto',
    'application/grpc-web+proto',
    'Application/gRPC; charset=x',
  ])(
    'of type %s without a credential gets 200 with the challenge, `Grpc-Status: 13` and `Grpc-Message: payment required`',
    async (type) => {
      const { call, shop } = await openCalls()
      const { problem } = await challengeOf(await call({}, type))
      expect(problem).toMatchObject({ code: 'payment-required', status: 402 })
      expect(shop.served).toBe(0)
    },
  )

  test.each(['application/json', 'application/grpcx', 'text/plain; a=application/grpc'])(
    'is no request of type %s: that gets its 402',
    async (type) => {
      const { call } = await openCalls()
      const response = await call({}, type)
      expect(response.status).toBe(402)
      expect(response.headers.get('grpc-status')).toBeNull()
      expect(await response.json()).toMatchObject({ code: 'payment-required' })
    },
  )

  test.each([
    ['token', 'the key of the specification'],
    ['macaroon', 'the key that it had before'],
    ['grpc-metadata-macaroon', 'what a gateway to gRPC sends'],
  ])('has its token read in the metadata `%s`, %s', async (key) => {
    const { call, buy, shop } = await openCalls()
    const { macaroon, preimage } = await buy()
    const paid = { [key]: metadata(macaroon, `preimage=${preimage}`) }
    for (const _ of [1, 2]) {
      const response = await call(paid)
      expect([response.status, await response.text()]).toEqual([200, 'sold'])
      expect(response.headers.get('payment-receipt')).not.toBeNull()
    }
    const { problem, macaroon: fresh } = await challengeOf(await call(paid))
    expect(problem.code).toBe('payment-insufficient')
    expect(fresh).not.toBe(formatMacaroon(macaroon))
    expect(shop.served).toBe(2)
  })

  test.each<[string, (bought: { macaroon: Macaroon; preimage: string }) => string]>([
    ['another preimage', ({ macaroon }) => metadata(macaroon, `preimage=${'ab'.repeat(32)}`)],
    ['no preimage', ({ macaroon }) => Buffer.from(encodeMacaroon(macaroon)).toString('hex')],
    [
      'another signature',
      ({ macaroon, preimage }) => metadata({ ...macaroon, signature: new Uint8Array(32) }, `preimage=${preimage}`),
    ],
    ['half of it', ({ macaroon, preimage }) => metadata(macaroon, `preimage=${preimage}`).slice(0, 100)],
  ])('with a token that has %s is refused in the same form, with a fresh challenge', async (_, make) => {
    const { call, buy, shop } = await openCalls()
    const bought = await buy()
    const { problem } = await challengeOf(await call({ token: make(bought) }))
    expect(['macaroon-invalid', 'preimage-invalid', 'credential-malformed']).toContain(problem.code)
    expect(shop.served).toBe(0)
    expect(
      (await call({ token: metadata(bought.macaroon, `preimage=${bought.preimage}`) })).headers.get('grpc-status'),
    ).toBeNull()
  })

  test('may have a `token` that is the service’s own, and a request that is none has only that', async () => {
    const { call, buy } = await openCalls()
    const { macaroon, preimage } = await buy()
    for (const own of ['eyJhbGciOiJIUzI1NiJ9.e30.abc', 'deadbeef']) {
      expect((await challengeOf(await call({ token: own }))).problem.code).toBe('payment-required')
    }
    const token = metadata(macaroon, `preimage=${preimage}`)
    expect((await call({ token }, 'application/json')).status).toBe(402)
    expect((await call({ token })).headers.get('payment-receipt')).not.toBeNull()
  })

  test('is told what no payment mends as the status of gRPC for it', async () => {
    const { call, buy } = await openCalls({ schemes: ['stream', 'charge'] })
    expect(await buy().catch((error: Error) => error.message)).toBe('no token')
    const response = await call({ authorization: `L402 AgEB:${'0'.repeat(64)}` })
    expect([response.status, response.headers.get('grpc-status')]).toEqual([200, '3'])
    expect(response.headers.get('grpc-message')).toBe('l402 is not served here')
    expect(response.headers.get('www-authenticate')).toBeNull()
  })
})

describe('the buyer', () => {
  /** A server of another's making, which knows what is sold by `token` alone. */
  async function openService(tokenOf: (paymentHash: string) => string) {
    const nodes = scriptedPair()
    const seen: Array<Record<string, string | null>> = []
    const server = await serve(
      async (request) => {
        const { headers } = request
        seen.push(Object.fromEntries(['authorization', 'token'].map((name) => [name, headers.get(name)])))
        if (headers.has('token')) return new Response(`${await request.text()}: sold`)
        const [invoice] = await nodes.seller.createInvoices([
          { amount: sat(5), description: 'x', expiresInSeconds: 600 },
        ])
        const challenge = `L402 version="0", token="${tokenOf(invoice!.paymentHash)}", invoice="${invoice!.request}"`
        const said = { 'grpc-status': '13', 'grpc-message': 'payment required', 'www-authenticate': challenge }
        return new Response(null, { headers: { 'content-type': 'application/grpc', ...said } })
      },
      { port: 0 },
    )
    atEnd(() => server.close(0))
    const buyer = createBuyer({ node: nodes.buyer })
    atEnd(() => buyer.close({ keep: true }))
    return { url: server.url, nodes, seen, buyer }
  }

  const init = { method: 'POST', headers: { 'content-type': 'application/grpc' }, body: 'asked' }
  const macaroonFor = (paymentHash: string): string =>
    formatMacaroon(
      mintMacaroon(new Uint8Array(32), encodeIdentifier({ paymentHash, tokenId: '0'.repeat(64) }), 'x', []),
    )

  test('pays what a call is asked for, and sends the token as metadata of the key `token`, in hex, as well', async () => {
    const { url, seen, buyer, nodes } = await openService(macaroonFor)
    expect(await (await buyer.fetch(url, init)).text()).toBe('asked: sold')
    expect(await (await buyer.fetch(url, init)).text()).toBe('asked: sold')
    expect(nodes.seller.settlements).toHaveLength(1)
    expect(seen[0]).toEqual({ authorization: null, token: null })
    const [, text, preimage] = /^L402 (.*):([0-9a-f]{64})$/.exec(seen[1]!.authorization ?? '')!
    expect(seen[1]!.token).toBe(metadata(parseMacaroon(text!), `preimage=${preimage}`))
    expect(seen.slice(1)).toEqual([seen[1], seen[1]])
  })

  test('sends a token that is no macaroon as its server wrote it, in hex', async () => {
    const { url, seen, buyer } = await openService(() => Buffer.from('opaque').toString('base64'))
    expect(await (await buyer.fetch(url, init)).text()).toBe('asked: sold')
    expect(seen.at(-1)!.token).toBe(Buffer.from('opaque').toString('hex'))
  })

  test('leaves a `token` that the service asks for itself, and sends none with what is no call', async () => {
    const { market, call } = await openCalls()
    expect((await call()).status).toBe(200)
    const seen: Array<string | null> = []
    const buyer = market.buyer({
      fetch: (input, init) => {
        seen.push(new Headers(init?.headers).get('token'))
        return fetch(input, init)
      },
    })
    const own = { ...init, headers: { ...init.headers, token: 'theirs' } }
    expect(await (await buyer.fetch(market.url, own)).text()).toBe('sold')
    expect(await (await buyer.fetch(market.url)).text()).toBe('sold')
    expect(new Set(seen)).toEqual(new Set(['theirs', null]))
  })

  test('gives back as it came what it does not pay', async () => {
    const { url, nodes } = await openService(macaroonFor)
    const buyer = createBuyer({ node: nodes.buyer, schemes: ['stream'] })
    const response = await buyer.fetch(url, init)
    expect([response.status, response.headers.get('grpc-status')]).toEqual([200, '13'])
    expect(response.headers.get('content-type')).toBe('application/grpc')
    expect(nodes.seller.settlements).toHaveLength(0)
    const risk = createBuyer({ node: nodes.buyer, maxRisk: '4 sat' })
    await expect(risk.fetch(url, init)).rejects.toMatchObject({ code: 'risk-too-high' })
  })
})
