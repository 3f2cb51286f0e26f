import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { msat, sat } from '../../src/money/msat.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { wall } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { openStand, upstream } from '../gateway/stand.ts'
import { type LightningTools, load, type Mppx, missing, mppxValidate } from './foreign.ts'
import { returnInvoice } from './stand.ts'

const SECRET = 'a secret of forty characters or so, for it'
const TOOLS = '@getalby/lightning-tools/402'

let pair: EmbeddedPair
let seller: Seller
let server: RunningServer
let paid = 0

beforeAll(async () => {
  pair = await embeddedPair()
  seller = new Seller({ node: pair.seller, secret: new TextEncoder().encode(SECRET), realm: '127.0.0.1' })
  const one = () => new Response('sold')
  const events = () =>
    new Response('data: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n', {
      headers: { 'content-type': 'text/event-stream' },
    })
  const routes = new Map([
    ['/all', wall(seller, { price: '2 sat/request', schemes: ['stream', 'session', 'charge', 'l402'] })(one)],
    ['/l402', wall(seller, { price: '3 sat/request', schemes: ['l402', 'stream'], allowance: '6 sat' })(one)],
    ['/charge', wall(seller, { price: '4 sat/request', schemes: ['charge'] })(one)],
    ['/events', wall(seller, { price: '1 sat/token', schemes: ['stream', 'session'], allowance: '5 sat' })(events)],
  ])
  server = await serve(
    (request) => routes.get(new URL(request.url).pathname)?.(request) ?? new Response('', { status: 404 }),
    { port: 0 },
  )
  // Clients that load for seconds between two requests find their connection as they left it.
  server.server.keepAliveTimeout = 0
})
afterAll(async () => {
  await server?.close(0)
  await seller?.close()
  await pair?.close()
})

const wallet = {
  async payInvoice({ invoice }: { invoice: string }) {
    paid++
    const outcome = await pair.buyer.pay({ request: invoice, maxFee: msat(5000n), timeoutMs: 30_000 })
    if (outcome.status !== 'settled') throw new Error(`not paid: ${outcome.status}`)
    return { preimage: outcome.preimage }
  },
}

const noTools = missing(TOOLS)
describe.skipIf(noTools !== undefined)(noTools ?? 'unmodified @getalby/lightning-tools pays', () => {
  test('a charge, whatever else the 402 offers', async () => {
    const { fetch402, fetchWithMpp } = load<LightningTools>(TOOLS)
    const response = await fetch402(`${server.url}/all`, {}, { wallet })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('sold')
    expect(response.payment).toMatchObject({ paid: true, amountSat: 2 })
    expect(response.headers.get('payment-receipt')).not.toBeNull()
    const again = await fetch402(`${server.url}/all`, {}, { wallet, credentials: response.payment!.credentials })
    expect(again.status, 'used once').toBe(402)
    expect((await fetchWithMpp(`${server.url}/charge`, {}, { wallet })).status).toBe(200)
  })

  test('an L402 token, and uses it until its allowance is used up', async () => {
    const { fetch402, fetchWithL402 } = load<LightningTools>(TOOLS)
    const before = paid
    const response = await fetch402(`${server.url}/l402`, {}, { wallet })
    expect(await response.text()).toBe('sold')
    const { credentials } = response.payment!
    expect((await fetchWithL402(`${server.url}/l402`, {}, { wallet, credentials })).status).toBe(200)
    expect((await fetchWithL402(`${server.url}/l402`, {}, { wallet, credentials })).status).toBe(402)
    expect(paid - before).toBe(1)
    expect((await fetchWithL402(`${server.url}/all`, {}, { wallet })).status, 'among other schemes').toBe(200)
  })
})

const noMppx = missing('mppx')
describe.skipIf(noMppx !== undefined)(noMppx ?? 'unmodified mppx', () => {
  test('reads every challenge, finds its id bound as it binds its own, and its credential and our receipt agree', async () => {
    const { Challenge, Credential, Receipt } = load<Mppx>('mppx')
    const unpaid = await fetch(`${server.url}/all`)
    const challenges = Challenge.fromResponseList(unpaid)
    expect(challenges.map(({ method, intent }) => `${method}/${intent}`)).toEqual([
      'lightning/stream',
      'lightning/session',
      'lightning/charge',
    ])
    for (const challenge of challenges) expect(Challenge.verify(challenge, { secretKey: SECRET })).toBe(true)
    const charge = challenges.find(({ intent }) => intent === 'charge')!
    const { invoice } = charge.request.methodDetails as { invoice: string }
    const { preimage } = await wallet.payInvoice({ invoice })
    const authorization = Credential.serialize(Credential.from({ challenge: charge, payload: { preimage } }))
    const response = await fetch(`${server.url}/all`, { headers: { authorization } })
    expect(response.status).toBe(200)
    expect(Receipt.fromResponse(response)).toMatchObject({
      status: 'success',
      reference: decodeInvoice(invoice).paymentHash,
    })
  })

  test('opens a session, uses it and gets the rest back', async () => {
    const { Challenge, Credential } = load<Mppx>('mppx')
    const ask = async (challenge: Parameters<Mppx['Credential']['from']>[0]['challenge'], payload: unknown) => {
      const authorization = Credential.serialize(Credential.from({ challenge, payload }))
      return fetch(`${server.url}/events`, { headers: { authorization } })
    }
    const challenge = Challenge.fromResponseList(await fetch(`${server.url}/events`)).find(
      ({ intent }) => intent === 'session',
    )!
    const { depositInvoice, paymentHash: sessionId } = challenge.request as Record<string, string>
    const { preimage } = await wallet.payInvoice({ invoice: depositInvoice! })
    const back = await returnInvoice(pair.buyer)
    const opened = await ask(challenge, { action: 'open', preimage, returnInvoice: back })
    expect(opened.status).toBe(200)
    const text = await opened.text()
    expect(text).toContain('data: {"n":2}')
    expect(text.indexOf('event: payment-receipt')).toBeLessThan(text.indexOf('[DONE]'))
    // Asked again where the refund was still on its way: a later answer tells how it ended.
    const close = async () => (await ask(challenge, { action: 'close', sessionId, preimage })).json()
    await expect.poll(close).toEqual({ status: 'closed', refundSats: 2, refundStatus: 'succeeded' })
    expect(await pair.buyer.lookupInvoice(decodeInvoice(back).paymentHash)).toBe(sat(2))
  })

  test('validates a gateway: what it says it sells, its challenges and its refusals', async () => {
    const service = await upstream((_, answer) => answer.end('sold'))
    const schemes = ['stream', 'session', 'charge'] as const
    const { url } = await openStand({
      routes: [{ path: '/report', methods: ['GET'], upstream: service, price: '2 sat/request', schemes: [...schemes] }],
    })
    const { code, out } = await mppxValidate(url)
    const { summary, endpoints } = JSON.parse(out) as {
      summary: { passed: number; failed: number; warnings: number }
      endpoints: { path: string; challenge: { label: string; detail?: string }[] }[]
    }
    expect(summary, out).toMatchObject({ failed: 0 })
    expect(endpoints.map(({ path }) => path)).toEqual(['/report'])
    const named = schemes.map((scheme) => `lightning/${scheme}`).join(', ')
    expect(endpoints[0]!.challenge, out).toContainEqual(
      expect.objectContaining({ label: 'Challenge parseable', detail: `3 methods: ${named}` }),
    )
    expect(code, out).toBe(0)
    // It loads for long on a busy machine.
  }, 240_000)
})
