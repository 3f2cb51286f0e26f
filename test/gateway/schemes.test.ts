import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { describe, expect, test } from 'vitest'
import { checkConfig } from '../../src/gateway/config/read.ts'
import type { GatewayConfigInput } from '../../src/gateway/config/schema.ts'
import { withCors } from '../../src/gateway/pages/cors.ts'
import { msat } from '../../src/money/msat.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { byCharge, byL402, bySession, type Offered, offeredBy } from '../schemes/offered.ts'
import { returnInvoice } from '../schemes/stand.ts'
import { openStand, type Stand, upstream } from './stand.ts'

const ALL = ['stream', 'session', 'charge', 'l402'] as const
type Route = GatewayConfigInput['routes'][number]

/** A gateway in front of a service that says which headers it got. */
async function shop(route: Partial<Route> = {}): Promise<Stand> {
  const service = await upstream((incoming, answer) => answer.end(JSON.stringify(incoming.headers)))
  return openStand({
    routes: [{ name: 'api', upstream: service, price: '2 sat/request', schemes: [...ALL], ...route } as Route],
  })
}

async function pay({ nodes }: Stand, invoice: string): Promise<string> {
  const outcome = await nodes.buyer.pay({ request: invoice, maxFee: msat(1000n), timeoutMs: 10_000 })
  if (outcome.status !== 'settled') throw new Error('not paid')
  return outcome.preimage
}

async function paid(stand: Stand): Promise<{ offered: Offered; preimage: string }> {
  const offered = offeredBy(await fetch(`${stand.url}/x`))
  return { offered, preimage: await pay(stand, offered.invoice()) }
}

const headersSeen = async (response: Response) => (await response.json()) as Record<string, string>

describe('a route with schemes', () => {
  test('sells by each of them, and the service behind sees nothing of the payment', async () => {
    const stand = await shop()
    for (const by of [byCharge, byL402]) {
      const { offered, preimage } = await paid(stand)
      const response = await fetch(`${stand.url}/x`, { headers: { ...by(offered, preimage), 'accept-payment': '*/*' } })
      expect(response.status).toBe(200)
      expect(response.headers.get('payment-receipt')).not.toBeNull()
      const seen = await headersSeen(response)
      expect(JSON.stringify(seen)).not.toContain(preimage)
      expect(seen.authorization).toBeUndefined()
      expect(seen['accept-payment']).toBeUndefined()
    }
    const { offered, preimage } = await paid(stand)
    const open = { action: 'open', preimage, returnInvoice: await returnInvoice(stand.nodes.buyer) }
    expect((await fetch(`${stand.url}/x`, { headers: bySession(offered, open) })).status).toBe(200)
    await expect
      .poll(() => stand.events.filter(({ type }) => type === 'request' || type === 'paid').length)
      .toBeGreaterThan(5)
  })

  test('hands on the Authorization that the buyer has for the service, where the payment stands beside it', async () => {
    const stand = await shop()
    const { offered, preimage } = await paid(stand)
    const { authorization: payment } = byCharge(offered, preimage)
    const headers = { 'payment-authorization': payment, authorization: 'Bearer key-of-the-buyer' }
    const response = await fetch(`${stand.url}/x`, { headers })
    expect(response.status).toBe(200)
    const seen = await headersSeen(response)
    expect(seen.authorization).toBe('Bearer key-of-the-buyer')
    expect(seen['payment-authorization']).toBeUndefined()
  })

  test('keeps the service’s own key where the seller sets one, whatever the buyer sends', async () => {
    const stand = await shop({ upstreamHeaders: { authorization: 'Bearer of-the-seller' } })
    const { offered, preimage } = await paid(stand)
    const headers = {
      'payment-authorization': byCharge(offered, preimage).authorization,
      authorization: 'Bearer other',
    }
    expect((await headersSeen(await fetch(`${stand.url}/x`, { headers }))).authorization).toBe('Bearer of-the-seller')
  })

  test('does not take a paying client for one of the free requests', async () => {
    const stand = await shop({ free: '1 request/day', allowance: '4 sat' })
    expect((await fetch(`${stand.url}/x`)).status, 'the free one').toBe(200)
    const { offered, preimage } = await paid(stand)
    const headers = byL402(offered, preimage)
    for (const status of [200, 200, 402]) expect((await fetch(`${stand.url}/x`, { headers })).status).toBe(status)
  })

  test('tells pages of other origins what they need', async () => {
    const stand = await shop()
    const handle = withCors((request) => stand.gateway.handle(request))
    const origin = { origin: 'https://page.example' }
    const unpaid = await handle(new Request(`${stand.url}/x`, { headers: origin }))
    const exposed = unpaid.headers.get('access-control-expose-headers')!.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['www-authenticate', 'payment-receipt', 'retry-after']))
    const ask = { ...origin, 'access-control-request-method': 'GET' }
    const preflight = await handle(new Request(`${stand.url}/x`, { method: 'OPTIONS', headers: ask }))
    const allowed = preflight.headers.get('access-control-allow-headers')!.split(', ')
    expect(allowed).toEqual(expect.arrayContaining(['authorization', '*']))
  })

  test('takes other schemes with a changed configuration, and honours what was paid', async () => {
    const stand = await shop({ allowance: '4 sat' })
    const { offered, preimage } = await paid(stand)
    const headers = byL402(offered, preimage)
    expect((await fetch(`${stand.url}/x`, { headers })).status).toBe(200)
    const [route] = stand.gateway.config.routes
    await stand.gateway.reload({
      ...stand.gateway.config,
      routes: [{ ...route!, schemes: ['l402'], allowance: '6 sat' }],
    })
    const now = await fetch(`${stand.url}/x`)
    expect(offeredBy(now).names).toEqual(['l402'])
    expect((await fetch(`${stand.url}/x`, { headers })).status).toBe(200)
    await stand.gateway.reload({
      ...stand.gateway.config,
      routes: [{ ...route!, schemes: undefined, allowance: undefined }],
    })
    expect(offeredBy(await fetch(`${stand.url}/x`)).names).toEqual(['stream'])
  })
})

test('programs are told of each intent in its own money', async () => {
  const stand = await shop({ path: '/x', methods: ['GET'], price: '250 msat/request' })
  const document = (await (await fetch(`${stand.url}/openapi.json`)).json()) as {
    paths: Record<string, { get: { 'x-payment-info': { offers: Record<string, unknown>[] } } }>
  }
  const { offers } = document.paths['/x']!.get['x-payment-info']
  expect(offers.map(({ intent, amount, currency }) => ({ intent, amount, currency }))).toEqual([
    { intent: 'session', amount: '1', currency: 'sat' },
    { intent: 'charge', amount: '1', currency: 'sat' },
  ])
})

describe('a session on routes that are chosen by the body', () => {
  const ROUTES = [
    {
      name: 'small',
      path: '/v1/**',
      model: 'small*',
      price: '1 sat/request',
      schemes: ['session'],
      allowance: '10 sat',
    },
    {
      name: 'large',
      path: '/v1/**',
      model: 'large*',
      price: '2 sat/request',
      schemes: ['session'],
      allowance: '10 sat',
    },
  ] as const
  const open = async () => {
    const service = await upstream((incoming, answer) => {
      incoming.resume()
      answer.end('said')
    })
    return openStand({ routes: ROUTES.map((route) => ({ ...route, schemes: [...route.schemes], upstream: service })) })
  }
  const ask = (stand: Stand, model: string | undefined, headers: Record<string, string> = {}) =>
    fetch(`${stand.url}/v1/chat`, { method: 'POST', headers, ...(model && { body: JSON.stringify({ model }) }) })

  test('is topped up and closed without one: its wall is found by its id', async () => {
    const stand = await open()
    const offered = offeredBy(await ask(stand, 'large-1'))
    const preimage = await pay(stand, offered.deposit())
    const sessionId = offered.session().request.paymentHash
    const returned = await returnInvoice(stand.nodes.buyer)
    const opening = bySession(offered, { action: 'open', preimage, returnInvoice: returned })
    expect((await ask(stand, 'large-1', opening)).status).toBe(200)
    const bearer = bySession(offered, { action: 'bearer', sessionId, preimage })
    expect((await ask(stand, 'small-1', bearer)).status, 'of another route').toBe(402)
    expect((await ask(stand, undefined, bearer)).status, 'what is used has its body').toBe(404)

    const next = offeredBy(await ask(stand, 'large-2'))
    const topUp = { action: 'topUp', sessionId, topUpPreimage: await pay(stand, next.deposit()) }
    expect(await (await ask(stand, undefined, bySession(next, topUp))).json()).toEqual({ status: 'ok' })

    const closed = await ask(stand, undefined, bySession(offered, { action: 'close', sessionId, preimage }))
    expect(await closed.json()).toMatchObject({ status: 'closed', refundSats: 18, refundStatus: 'succeeded' })
  })

  test('that nobody knows is told so, and one of another seller’s challenge opens nothing', async () => {
    const stand = await open()
    const offered = offeredBy(await ask(stand, 'small-1'))
    const unknown = createHash('sha256').update(Buffer.alloc(32)).digest('hex')
    const close = { action: 'close', sessionId: unknown, preimage: '0'.repeat(64) }
    const answer = await ask(stand, undefined, bySession(offered, close))
    expect(answer.status).toBe(402)
    expect(await answer.json()).toMatchObject({ type: expect.stringContaining('session-not-found') })
    const { challenge } = offered.session()
    const forged = formatAnyCredential({
      challenge: { ...challenge, id: `A${challenge.id.slice(1)}x` },
      payload: close,
    })
    const refused = await ask(stand, undefined, { authorization: forged })
    expect(await refused.json()).toMatchObject({ type: expect.stringContaining('unknown-challenge') })
  })

  test('is paid, topped up and closed by our buyer', async () => {
    const stand = await open()
    const buyer = stand.buyer({ schemes: ['session'] })
    const init = { method: 'POST', body: JSON.stringify({ model: 'large' }) }
    for (let i = 0; i < 8; i++) expect(await (await buyer.fetch(`${stand.url}/v1/chat`, init)).text()).toBe('said')
    await buyer.close()
    const paid = stand.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    const back = stand.nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)
    expect(paid - back).toBe(16_000n)
    expect(buyer.prepaid).toMatchObject([{ state: 'closed', uses: 8, refund: { status: expect.any(String) } }])
  })
})

test('a route says where its 402s ask for the credential', async () => {
  const stand = await shop({ credentialHeader: 'Payment-Authorization' })
  const offered = offeredBy(await fetch(`${stand.url}/x`))
  expect(offered.charge().challenge.header).toBe('Payment-Authorization')
  const [route] = stand.gateway.config.routes
  await stand.gateway.reload({ ...stand.gateway.config, routes: [{ ...route!, credentialHeader: undefined }] })
  expect(offeredBy(await fetch(`${stand.url}/x`)).charge().challenge.header).toBeUndefined()
  expect(() => checkConfig({ routes: [{ ...route!, credentialHeader: 'X-Pay' as never }] })).toThrow(
    /must be one of Authorization, Payment-Authorization/,
  )
})

test.each(['stream', 'session', 'charge'] as const)(
  'our buyer keeps its key for the service beside a %s',
  async (scheme) => {
    const stand = await shop({ allowance: '10 sat' })
    const buyer = stand.buyer({ schemes: [scheme] })
    const headers = { authorization: 'Bearer key-of-the-buyer' }
    for (const _ of [1, 2]) {
      const seen = await headersSeen(await buyer.fetch(`${stand.url}/x`, { headers }))
      expect(seen.authorization).toBe('Bearer key-of-the-buyer')
      expect(JSON.stringify(seen)).not.toContain('Payment ')
    }
    await buyer.close()
  },
)

describe('over connections of their own', () => {
  test('fifty replays of one charge at once: one body, and everybody else a fresh challenge', async () => {
    const stand = await shop()
    const { offered, preimage } = await paid(stand)
    const headers = { ...byCharge(offered, preimage), connection: 'close' }
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const asked = httpRequest(`${stand.url}/x`, { headers, agent: false })
        asked.end()
        const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
        answer.resume()
        await once(answer, 'end')
        return answer
      }),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
    const refused = answers.filter(({ statusCode }) => statusCode === 402)
    expect(refused).toHaveLength(49)
    for (const { headers: told } of refused) expect(told['www-authenticate']).toContain('intent="charge"')
  })

  test('hostile headers get an answer, and cost no more than one invoice', async () => {
    const stand = await shop()
    const { token } = offeredBy(await fetch(`${stand.url}/x`)).l402()
    const zero = '0'.repeat(64)
    const hostile = [
      `L402 ${token}`,
      `L402 ${token}:${zero}${zero}`,
      `L402 ${token},${token},${token},${token},${token}:${zero}`,
      `L402 ${'/'.repeat(6000)}:${zero}`,
      `LSAT ${token}:${zero}, L402 ${token.slice(4)}:${zero}`,
      `Payment ${'A'.repeat(8000)}`,
      'Payment e30, Payment e30',
      `Payment ${Buffer.from('{"challenge":[],"payload":{}}').toString('base64url')}`,
      `Payment ${Buffer.from('{"__proto__":{"a":1}}').toString('base64url')}==`,
    ]
    for (const authorization of hostile) {
      const response = await fetch(`${stand.url}/x`, { headers: { authorization } })
      expect([400, 402], authorization.slice(0, 40)).toContain(response.status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
    expect(stand.nodes.seller.requests).toHaveLength(1)
    expect(stand.events.filter(({ type }) => type === 'error')).toEqual([])
  })
})

describe('a configuration', () => {
  const route = { upstream: 'http://127.0.0.1:1', price: '1 sat/request' }
  test('names schemes that there are, each once, and an allowance only beside them', () => {
    const of = (members: object) => () => checkConfig({ routes: [{ ...route, ...members }] })
    expect(of({ schemes: ['l402', 'stream'], allowance: '10 sat' })().routes[0]).toMatchObject({
      schemes: ['l402', 'stream'],
    })
    expect(of({ schemes: ['x402'] })).toThrow(/schemes.*must be one of stream, session, charge, l402/s)
    expect(of({ schemes: ['charge', 'charge'] })).toThrow(/names one twice/)
    expect(of({ schemes: [] })).toThrow(/at least one/)
    expect(of({ schemes: 'l402' })).toThrow(/must be a list/)
    expect(of({ allowance: '10 sat' })).toThrow(/for schemes other than stream/)
    expect(of({ schemes: ['l402'], allowance: 'ten' })).toThrow(/amount/)
  })
})
