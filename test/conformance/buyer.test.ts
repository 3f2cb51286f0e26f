/*
 * What the drafts of charge and session and L402 ask of a client, of our buyer before a server that writes its challenges by hand.
 */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { sat } from '../../src/money/msat.ts'
import { serve, type WebHandler } from '../../src/seller/adapters/node.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { SessionShop } from '../prepaid/sessionShop.ts'
import { fromText } from './field.ts'

const ending: Array<() => unknown> = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

type Json = Record<string, unknown>
const toText = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url')

interface Seen {
  readonly authorization: string
  readonly body: string
}

/** A server that asks for a payment of 5 sat, in words of its own, and serves whoever shows a credential. */
async function openServer(write: (invoice: string, paymentHash: string, body: string) => string, lifeS = 600) {
  const nodes = scriptedPair()
  const seen: Seen[] = []
  const invoices: string[] = []
  const handler: WebHandler = async (request) => {
    const body = await request.text()
    const authorization = request.headers.get('authorization')
    if (authorization !== null) {
      seen.push({ authorization, body })
      return new Response('sold')
    }
    const [invoice] = await nodes.seller.createInvoices([
      { amount: sat(5), description: 'shop', expiresInSeconds: lifeS },
    ])
    invoices.push(invoice!.request)
    const header = write(invoice!.request, invoice!.paymentHash, body)
    return new Response('pay', { status: 402, headers: { 'www-authenticate': header } })
  }
  const server = await serve(handler, { port: 0 })
  ending.push(() => server.close(0))
  const buyer = (options: Partial<BuyerOptions> = {}) => {
    const made = createBuyer({ node: nodes.buyer, max: '1000 sat', ...options })
    ending.push(() => made.close({ keep: true }))
    return made
  }
  return { url: server.url, nodes, seen, invoices, buyer, handler }
}

const chargeOf = (invoice: string, details: Json = {}, request: Json = {}): string =>
  toText({ amount: '5', currency: 'sat', methodDetails: { invoice, network: 'regtest', ...details }, ...request })

const challengeOf = (request: string, more = ''): string =>
  `Payment id="abc", realm="shop", method="lightning", intent="charge", request="${request}"${more}`

const failure = (buying: Promise<unknown>) => buying.then(() => undefined).catch((error) => error as Json)

describe('a charge', () => {
  test('is answered with all that the challenge had, and with the very body of the request', async () => {
    const body = '{"prompt":"ü"}'
    const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
    const opaque = toText({ order: '7' })
    const expires = '2099-01-01T00:00:00Z'
    const more = `, expires="${expires}", digest="${digest}", opaque="${opaque}", description="a thing", later="x"`
    const { url, seen, buyer, invoices, nodes } = await openServer((invoice) => challengeOf(chargeOf(invoice), more))
    const response = await buyer().fetch(url, { method: 'POST', body })
    expect(await response.text()).toBe('sold')
    expect(seen).toHaveLength(1)
    expect(seen[0]!.body).toBe(body)
    expect(seen[0]!.authorization).toMatch(/^Payment [\w-]+$/)
    const { challenge, payload } = fromText(seen[0]!.authorization.slice('Payment '.length))
    const expected = { id: 'abc', realm: 'shop', method: 'lightning', intent: 'charge', expires, digest, opaque }
    expect(challenge).toMatchObject({ ...expected, request: chargeOf(invoices[0]!) })
    const { paymentHash } = decodeInvoice(invoices[0]!)
    expect(payload).toEqual({ preimage: nodes.seller.preimages.get(paymentHash) })
  })

  type Write = Parameters<typeof openServer>[0]
  const wrong: Array<[string, string, Write]> = [
    [
      'asks for less than its invoice',
      'invoice-mismatch',
      (invoice) => challengeOf(chargeOf(invoice, {}, { amount: '4' })),
    ],
    [
      'names another payment hash than its invoice',
      'invoice-mismatch',
      (invoice) => challengeOf(chargeOf(invoice, { paymentHash: 'ab'.repeat(32) })),
    ],
    [
      'names another network than its invoice',
      'invoice-mismatch',
      (invoice) => challengeOf(chargeOf(invoice, { network: 'signet' })),
    ],
    [
      'has expired, though its invoice has not',
      'offer-expired',
      (invoice) => challengeOf(chargeOf(invoice), ', expires="2020-01-01T00:00:00Z"'),
    ],
  ]

  test.each(wrong)('that %s is not paid', async (_, code, write) => {
    const { url, seen, buyer, nodes } = await openServer(write)
    expect(await failure(buyer().fetch(url))).toMatchObject({ code })
    expect(nodes.buyer.calls).toBe(0)
    expect(seen).toEqual([])
  })

  test('whose invoice ends soon is not paid, whatever its challenge says', async () => {
    const write: Write = (invoice) => challengeOf(chargeOf(invoice), ', expires="2099-01-01T00:00:00Z"')
    const { url, buyer, nodes } = await openServer(write, 5)
    expect(await failure(buyer().fetch(url))).toMatchObject({ code: 'invoice-mismatch' })
    expect(nodes.buyer.calls).toBe(0)
  })

  test('on another network than the wallet is not paid', async () => {
    const { url, buyer, nodes } = await openServer((invoice) => challengeOf(chargeOf(invoice, { network: 'signet' })))
    nodes.seller.alter = (parts) => ({ ...parts, network: 'signet' })
    expect(await failure(buyer().fetch(url))).toMatchObject({ code: 'invoice-mismatch' })
    expect(nodes.buyer.calls).toBe(0)
  })

  test('is not paid over plain http to another machine', async () => {
    const { handler, buyer, nodes, seen } = await openServer((invoice) => challengeOf(chargeOf(invoice)))
    const fetch = async (input: RequestInfo | URL, init?: RequestInit) => handler(new Request(input, init))
    expect(await failure(buyer({ fetch }).fetch('http://example.com/a'))).toMatchObject({ code: 'transport-insecure' })
    expect(nodes.buyer.calls).toBe(0)
    expect(seen).toEqual([])
  })
})

describe('an L402 token', () => {
  test('comes back as it was written, with the preimage in hex, whatever else the challenge said', async () => {
    const token = 'AgEEc2hvcAICYWIAAAYgAAAA'
    const { url, seen, buyer, invoices, nodes } = await openServer(
      (invoice) => `L402 version="0", token="${token}", invoice="${invoice}", later="x"`,
    )
    expect(await (await buyer().fetch(url)).text()).toBe('sold')
    const preimage = nodes.seller.preimages.get(decodeInvoice(invoices[0]!).paymentHash)
    expect(seen.map(({ authorization }) => authorization)).toEqual([`L402 ${token}:${preimage}`])
  })

  test('that asks for more than is allowed is not paid', async () => {
    const { url, buyer, nodes } = await openServer((invoice) => `LSAT macaroon="AgEE", invoice="${invoice}"`)
    expect(await failure(buyer({ max: '4 sat' }).fetch(url))).toMatchObject({ code: 'budget-exhausted' })
    expect(nodes.buyer.calls).toBe(0)
  })
})

describe('a session', () => {
  test('is opened with a return invoice of any amount that lives for thirty days', async () => {
    const shop = await SessionShop.open({ chunks: 5 })
    const buyer = shop.buyer()
    await (await buyer.fetch(shop.url)).text()
    const { amount, expiresAtMs, network } = decodeInvoice(shop.only.returnInvoice)
    expect(amount).toBeUndefined()
    expect(network).toBe('regtest')
    expect(expiresAtMs - Date.now()).toBeGreaterThan(29 * 86_400_000)
    await buyer.close()
  })

  test('that was closed is used no more: the next run opens another', async () => {
    const journal = openJournal(':memory:')
    const shop = await SessionShop.open({ chunks: 5 })
    const buyer = shop.buyer({ journal })
    await (await buyer.fetch(shop.url)).text()
    await buyer.close()
    expect(shop.actions).toEqual(['open', 'close'])
    const next = shop.buyer({ journal })
    await (await next.fetch(shop.url)).text()
    expect(shop.actions).toEqual(['open', 'close', 'open'])
    expect(shop.sessions.size).toBe(2)
  })
})
