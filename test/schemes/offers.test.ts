import { describe, expect, test } from 'vitest'
import { StreamError } from '../../src/errors/error.ts'
import { toldAddress } from '../../src/seller/adapters/request.ts'
import { PricedRoute } from '../../src/seller/paywall.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { encodeMacaroon, parseMacaroon } from '../../src/wire/l402/macaroon.ts'
import { bySession, offeredBy, problemOf } from './offered.ts'
import { openShop, returnInvoice } from './stand.ts'

describe('a 402 of every scheme', () => {
  test('offers one invoice under all of them, in the order of the seller', async () => {
    const { ask, nodes } = openShop()
    const response = await ask()
    expect(response.status).toBe(402)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const offered = offeredBy(response)
    expect(offered.names).toEqual(['stream', 'session', 'charge', 'l402'])
    expect(nodes.seller.requests).toEqual([offered.invoice()])
    expect(offered.deposit()).toBe(offered.invoice())
    expect(offered.l402().invoice).toBe(offered.invoice())
    const { paymentHash, amount, expiresAtMs } = decodeInvoice(offered.invoice())
    expect(offered.charge().request).toMatchObject({ amount, paymentHash, network: 'regtest' })
    expect(offered.session().request).toMatchObject({
      paymentHash,
      deposit: amount,
      amount: 2000n,
      unitType: 'request',
    })
    expect(Date.parse(offered.charge().challenge.expires!), 'no later than the invoice').toBeLessThanOrEqual(
      expiresAtMs,
    )
    expect(encodeMacaroon(parseMacaroon(offered.l402().token)).length).toBeLessThan(400)
    expect((await problemOf(response)).type).toBe('https://paymentauth.org/problems/payment-required')
  })

  test('is what it was where nothing is configured: no invoice, no call of the node', async () => {
    const { wall, nodes } = openShop()
    const ask = wall({ schemes: undefined, price: '3 sat/request' })
    for (const headers of [{}, { authorization: 'L402 abc:def' }, { authorization: 'Bearer x' }]) {
      expect(offeredBy(await ask({ headers })).names).toEqual(['stream'])
    }
    expect(nodes.seller.calls).toBe(0)
  })

  test.each([
    ['2 sat/request', undefined, '2', '2', 'request'],
    ['100 msat/request', undefined, '1', '1', '10 requests'],
    ['1 sat/1k tokens', undefined, '20', '1', '1k tokens'],
    ['250 msat/s', undefined, '20', '1', '4 s'],
    ['1.5 sat/MiB', undefined, '60', '3', '2 MiB'],
    ['1 sat/MiB', '50 sat', '50', '1', 'MiB'],
    ['1 sat/MiB', '10 msat', '1', '1', 'MiB'],
    ['7 sat/image', '2 sat', '7', '7', 'image'],
  ])(
    'at %s with an allowance of %s asks for %s sat, %s sat for each %s',
    async (price, allowance, sats, unit, unitType) => {
      const { wall } = openShop()
      const offered = offeredBy(await wall({ price, allowance })())
      expect(offered.charge().request.amount / 1000n).toBe(BigInt(sats))
      expect(offered.session().request).toMatchObject({ amount: BigInt(unit) * 1000n, unitType })
    },
  )

  test('follows what a client accepts', async () => {
    const { ask, wall } = openShop()
    const names = async (accept: string) => offeredBy(await ask({ headers: { 'accept-payment': accept } })).names
    expect(await names('lightning/charge, lightning/session;q=0.5')).toEqual(['charge', 'session', 'l402'])
    expect(await names('lightning/*, lightning/session;q=0')).toEqual(['stream', 'charge', 'l402'])
    expect(await names('tempo/charge')).toEqual(['stream', 'session', 'charge', 'l402'])
    expect(await names('{"nonsense"}')).toEqual(['stream', 'session', 'charge', 'l402'])
    const only = wall({ schemes: ['l402'], price: '5 sat/request' })
    expect(offeredBy(await only({ headers: { 'accept-payment': 'lightning/charge' } })).names).toEqual(['l402'])
  })

  test('asks the node for nothing where the client wants our own scheme alone', async () => {
    const { wall, nodes } = openShop()
    const ask = wall({ schemes: ['stream', 'session', 'charge'], price: '8 sat/request' })
    expect(offeredBy(await ask({ headers: { 'accept-payment': 'lightning/stream' } })).names).toEqual(['stream'])
    expect(nodes.seller.calls).toBe(0)
  })
})

describe('an invoice of a 402', () => {
  test('is shown again to the same client for the same method, and to nobody else', async () => {
    const { ask, nodes } = openShop()
    const first = offeredBy(await ask()).invoice()
    expect(offeredBy(await ask()).invoice()).toBe(first)
    expect(offeredBy(await ask({ client: '10.0.0.2' })).invoice()).not.toBe(first)
    expect(offeredBy(await ask({ method: 'POST' })).invoice()).not.toBe(first)
    expect(offeredBy(await ask()).invoice()).toBe(first)
    expect(nodes.seller.requests).toHaveLength(3)
  })

  test('is made once for many requests at once', async () => {
    const { ask, nodes } = openShop()
    const invoices = await Promise.all(Array.from({ length: 50 }, async () => offeredBy(await ask()).invoice()))
    expect(new Set(invoices).size).toBe(1)
    expect(nodes.seller.requests).toHaveLength(1)
  })

  test('is another once it was paid', async () => {
    const { ask, pay, nodes } = openShop()
    const first = offeredBy(await ask()).invoice()
    await pay(first)
    await expect.poll(async () => offeredBy(await ask()).invoice()).not.toBe(first)
    expect(nodes.seller.requests).toHaveLength(2)
  })

  test('is another for each deposit of an open session, within the bounds of all', async () => {
    const { ask, pay, nodes } = openShop({ limits: { offerRate: { burst: 5, perSecond: 1e-9 } } })
    const first = offeredBy(await ask())
    const shown = async (session: string) => offeredBy(await ask({ headers: { 'stream-top-up': session } })).deposit()
    const sessionId = decodeInvoice(first.deposit()).paymentHash
    expect(await shown(sessionId), 'not a session yet').toBe(first.deposit())
    const payload = { action: 'open', preimage: await pay(first.deposit()) }
    const opened = { ...payload, returnInvoice: await returnInvoice(nodes.buyer) }
    expect((await ask({ headers: bySession(first, opened) })).status).toBe(200)

    const next = offeredBy(await ask()).deposit()
    expect(await shown('f'.repeat(64)), 'nobody knows this one').toBe(next)
    expect(await shown('../'), 'nor this').toBe(next)
    const several = new Set([next, ...(await Promise.all([1, 2, 3].map(() => shown(sessionId))))])
    expect(several.size).toBe(4)
    expect(await shown(sessionId), 'one more is left of five').not.toBe(next)
    const made = nodes.seller.requests.length
    for (let i = 0; i < 20; i++) expect(await shown(sessionId)).toBe(next)
    expect(offeredBy(await ask()).deposit(), 'who asks as ever is shown what was shown').toBe(next)
    expect(nodes.seller.requests).toHaveLength(made)
  })

  test('is for the price of now', async () => {
    const { seller } = openShop()
    const route = new PricedRoute(seller, { price: '2 sat/request', scope: 'r', schemes: ['stream', 'charge'] })
    const ask = async () =>
      offeredBy(await route.handle(() => new Response(), toldAddress(new Request('http://x/'), '10.0.0.1')))
    expect((await ask()).charge().request.amount).toBe(2000n)
    route.setTerms({ price: '9 sat/request' })
    expect((await ask()).charge().request.amount).toBe(9000n)
    route.setTerms({ schemes: ['stream'] })
    expect((await ask()).names).toEqual(['stream'])
  })
})

describe('a flood of strangers', () => {
  test('from one address has the node make as many invoices as its bucket holds, however many it is', async () => {
    const { ask, nodes } = openShop({ limits: { offerRate: { burst: 5, perSecond: 1e-9 } } })
    for (let i = 0; i < 400; i++) await ask({ method: `M${i}`, client: '10.0.0.1' })
    expect(nodes.seller.requests).toHaveLength(5)
    const limited = await ask({ method: 'PUT' })
    expect(offeredBy(limited).names, 'our own scheme needs none').toEqual(['stream'])
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await problemOf(limited)).toMatchObject({ withheld: expect.stringContaining('invoice') })
    expect(offeredBy(await ask({ client: '10.0.0.2' })).names).toContain('charge')
  })

  test('from everywhere is bounded by the bucket of all', async () => {
    const { ask, nodes } = openShop({ limits: { offersRate: { burst: 20, perSecond: 1e-9 } } })
    const responses = await Promise.all(
      Array.from({ length: 2000 }, (_, i) => ask({ client: `10.1.${i >> 8}.${i & 255}` })),
    )
    expect(responses.every(({ status }) => status === 402)).toBe(true)
    expect(nodes.seller.requests).toHaveLength(20)
    expect(nodes.seller.calls).toBe(20)
  })

  test('leaves as many unpaid invoices as there are places, until one is paid', async () => {
    const { ask, pay, nodes, seller } = openShop({ limits: { unpaidOffers: 10 } })
    for (let i = 0; i < 100; i++) await ask({ client: `10.0.1.${i}` })
    expect(nodes.seller.requests).toHaveLength(10)
    expect(await seller.ledger.countOpen(), 'acceptances have places of their own').toEqual({ unpaid: 0 })
    await pay(nodes.seller.requests[0]!)
    await expect.poll(async () => offeredBy(await ask({ client: '10.0.2.1' })).names).toContain('charge')
    expect(offeredBy(await ask({ client: '10.0.2.2' })).names).toEqual(['stream'])
  })

  test('is answered 429 where only schemes with invoices are sold', async () => {
    const { wall } = openShop({ limits: { offerRate: { burst: 1, perSecond: 0.01 } } })
    const ask = wall({ schemes: ['charge', 'l402'], price: '6 sat/request' })
    expect((await ask()).status).toBe(402)
    const response = await ask({ method: 'PUT' })
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('finds a node that is away: 503 where only schemes with invoices are sold, and our own elsewhere', async () => {
    const { wall, nodes } = openShop()
    nodes.seller.createInvoices = async () => {
      throw new StreamError('node-unreachable', 'nothing listens')
    }
    const response = await wall({ schemes: ['charge', 'l402'], price: '6 sat/request' })()
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await problemOf(response)).toMatchObject({ code: 'node-unreachable' })
    const beside = await wall({})()
    expect(beside.status).toBe(402)
    expect(offeredBy(beside).names).toEqual(['stream'])
  })

  test('of garbage credentials costs no more than one of none', async () => {
    const { ask, nodes } = openShop()
    const garbage = [
      'L402 x:y',
      'LSAT :',
      'L402 ',
      `L402 ${'A'.repeat(9000)}:${'0'.repeat(64)}`,
      'Payment e30',
      'Payment !!',
    ]
    for (const authorization of garbage) {
      const response = await ask({ headers: { authorization } })
      expect([400, 402], authorization).toContain(response.status)
      if (response.status === 402) expect(offeredBy(response).names).toContain('charge')
    }
    expect(nodes.seller.requests).toHaveLength(1)
  })

  test('while the node fails still offers what needs no node', async () => {
    const { ask, nodes, events } = openShop()
    nodes.seller.createInvoices = async () => {
      throw new Error('the node is away')
    }
    const response = await ask()
    expect(response.status).toBe(402)
    expect(offeredBy(response).names).toEqual(['stream'])
    expect(events.filter(({ type }) => type === 'error')).toHaveLength(1)
  })
})
