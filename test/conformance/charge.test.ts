/*
 * What draft-lightning-charge asks of a seller, by a client that speaks it by hand.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { type MarketOptions, openMarket } from '../trade/market.ts'
import { challengeIn, credential, FieldClient, fromText, invoiceOf, receiptOf } from './field.ts'

const PROBLEMS = 'https://paymentauth.org/problems/'
const HEX = '0'.repeat(64)

/** A seller of charges, and how often it served one. */
async function openCharges(options: Partial<MarketOptions> = {}) {
  const shop = { served: 0 }
  const market = await openMarket({
    handler: () => {
      shop.served++
      return new Response('sold')
    },
    price: '3 sat/request',
    schemes: ['charge'],
    realm: 'shop.example',
    ...options,
  })
  return { market, shop, client: new FieldClient(market) }
}

describe('a charge challenge', () => {
  test('asks whole sats for one invoice, and says nothing of it that is not so', async () => {
    const { client } = await openCharges()
    const challenge = await client.ask('charge')
    expect(challenge).toMatchObject({ realm: 'shop.example', method: 'lightning', intent: 'charge' })
    expect(challenge.request).toMatch(/^[\w-]+$/)
    const request = fromText(challenge.request)
    expect(request).toMatchObject({ amount: '3', currency: 'sat', methodDetails: { invoice: expect.any(String) } })
    const text = Buffer.from(challenge.request, 'base64url').toString('utf8')
    expect(text).toMatch(/^\{"amount":"3","currency":"sat",.*"methodDetails":\{"invoice":/)
    const invoice = decodeInvoice(invoiceOf(challenge))
    expect(invoice.amount).toBe(3000n)
    expect(request.methodDetails).toMatchObject({ paymentHash: invoice.paymentHash, network: invoice.network })
    expect(Date.parse(challenge.expires!)).toBeLessThanOrEqual(invoice.expiresAtMs)
  })

  test('has an invoice of its own for each that was paid', async () => {
    const { client } = await openCharges()
    const hashes = new Set<string>()
    for (let i = 0; i < 4; i++) hashes.add(client.pay(await client.ask('charge')).paymentHash)
    expect(hashes.size).toBe(4)
  })

  test('is asked for again by the same client without another call to the node', async () => {
    const { client, market } = await openCharges()
    const first = await client.ask('charge')
    const before = market.nodes.seller.calls
    for (let i = 0; i < 5; i++) expect(invoiceOf(await client.ask('charge'))).toBe(invoiceOf(first))
    expect(market.nodes.seller.calls).toBe(before)
  })
})

describe('a charge', () => {
  test('is served once, with a receipt that names payment hash and challenge, and never the preimage', async () => {
    const { client, shop } = await openCharges()
    const paid = client.pay(await client.ask('charge'))
    const response = await client.send(paid.challenge, { preimage: paid.preimage })
    expect([response.status, await response.text()]).toEqual([200, 'sold'])
    expect(response.headers.get('cache-control')).toBe('private')
    expect(receiptOf(response)).toEqual({
      method: 'lightning',
      challengeId: paid.challenge.id,
      reference: paid.paymentHash,
      status: 'success',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/),
    })
    const again = await client.send(paid.challenge, { preimage: paid.preimage })
    expect(again.status).toBe(402)
    expect(await again.text()).not.toContain(paid.preimage)
    expect(shop.served).toBe(1)
  })

  test('leaves its preimage in no ledger, event or answer', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'streampay-conformance-'))
    const ledger = openLedger(path.join(folder, 'ledger.db'))
    try {
      const { client, market } = await openCharges({ ledger })
      const { challenge, preimage } = client.pay(await client.ask('charge'))
      const answers = [
        await client.send({ ...challenge, id: 'AAAA' }, { preimage }),
        await client.send(challenge, { preimage }),
        await client.send(challenge, { preimage }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([402, 200, 402])
      for (const answer of answers) expect([...answer.headers].join() + (await answer.text())).not.toContain(preimage)
      expect(market.events.length).toBeGreaterThan(0)
      expect(inspect(market.events, { depth: 8 })).not.toContain(preimage)
      await market.close()
      const bytes = readdirSync(folder).map((file) => readFileSync(path.join(folder, file)))
      expect(Buffer.concat(bytes).includes(decodeInvoice(invoiceOf(challenge)).paymentHash)).toBe(true)
      for (const text of [preimage, preimage.toUpperCase()]) expect(Buffer.concat(bytes).includes(text)).toBe(false)
      expect(Buffer.concat(bytes).includes(Buffer.from(preimage, 'hex'))).toBe(false)
    } finally {
      await ledger.end()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('is known by padded text, with an unknown field, a source or none, and any order of members', async () => {
    const { client } = await openCharges()
    const wrap = async (more: object, pad: string) => {
      const { challenge, preimage } = client.pay(await client.ask('charge'))
      const text = credential(challenge, { later: 1, preimage }, more)
      return fetch(client.url, { headers: { authorization: text + pad } })
    }
    for (const [more, pad] of [
      [{}, ''],
      [{ source: 'did:key:z6Mk' }, '='],
      [{ later: [] }, '=='],
    ] as const) {
      expect((await wrap(more, pad)).status).toBe(200)
    }
  })

  test('that is shown from 50 connections at once is served to one', async () => {
    const { client, shop } = await openCharges()
    const paid = client.pay(await client.ask('charge'))
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.send(paid.challenge, { preimage: paid.preimage })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(49)
    expect(shop.served).toBe(1)
  })

  test('is good for no other challenge, and no other resource', async () => {
    const { client, shop } = await openCharges()
    const paid = client.pay(await client.ask('charge'))
    const other = await client.ask('charge')
    expect((await client.send(other, { preimage: paid.preimage })).status).toBe(402)
    expect((await client.send({ ...paid.challenge, request: other.request }, { preimage: paid.preimage })).status).toBe(
      402,
    )
    expect(shop.served).toBe(0)
    const elsewhere = await openCharges()
    expect((await elsewhere.client.send(paid.challenge, { preimage: paid.preimage })).status).toBe(402)
    expect(elsewhere.shop.served).toBe(0)
  })

  test('of an answer that failed is not lost: it can be shown again', async () => {
    let failing = true
    const { client } = await openCharges({
      handler: () => (failing ? new Response('overloaded', { status: 503 }) : new Response('sold')),
    })
    const { challenge, preimage } = client.pay(await client.ask('charge'))
    const first = await client.send(challenge, { preimage })
    expect(first.status).toBe(503)
    expect(first.headers.get('payment-receipt')).toBeNull()
    await first.text()
    failing = false
    expect((await client.send(challenge, { preimage })).status).toBe(200)
    expect((await client.send(challenge, { preimage })).status).toBe(402)
  })
})

describe('a charge whose invoice has expired', () => {
  const openExpired = async () => {
    const opened = await openCharges()
    const { seller } = opened.market.nodes
    seller.alter = (parts) => ({ ...parts, createdAtMs: Date.now() - 3_600_000 })
    return { ...opened, challenge: await opened.client.ask('charge') }
  }

  test('unpaid: 402, and a fresh challenge, whoever knows the preimage', async () => {
    const { client, market, shop, challenge } = await openExpired()
    const { paymentHash } = decodeInvoice(invoiceOf(challenge))
    const response = await client.send(challenge, { preimage: market.nodes.seller.preimages.get(paymentHash)! })
    expect(response.status).toBe(402)
    expect(await response.json()).toMatchObject({ type: `${PROBLEMS}lightning/expired-invoice` })
    expect(challengeIn(response, 'charge').id).not.toBe(challenge.id)
    expect(shop.served).toBe(0)
  })

  test('paid: it is served once all the same, since the money arrived', async () => {
    const { client, shop, challenge } = await openExpired()
    const { preimage } = client.pay(challenge)
    expect((await client.send(challenge, { preimage })).status).toBe(200)
    expect((await client.send(challenge, { preimage })).status).toBe(402)
    expect(shop.served).toBe(1)
  })
})

test('a preimage without a payment opens nothing: the node of the seller has the last word', async () => {
  const { client, market, shop } = await openCharges()
  const challenge = await client.ask('charge')
  const { paymentHash } = decodeInvoice(invoiceOf(challenge))
  const known = market.nodes.seller.preimages.get(paymentHash)!
  const response = await client.send(challenge, { preimage: known })
  expect(response.status).toBe(402)
  expect(shop.served).toBe(0)
})

describe('a refused charge', () => {
  const cases: Array<[string, string, (client: FieldClient) => Promise<string> | string]> = [
    ['that is no JSON', 'malformed-credential', () => `Payment ${Buffer.from('nope').toString('base64url')}`],
    ['without a preimage', 'malformed-credential', async (client) => credential(await client.ask('charge'), {})],
    [
      'whose preimage is in capitals',
      'malformed-credential',
      async (client) => credential(await client.ask('charge'), { preimage: 'AB'.repeat(32) }),
    ],
    [
      'whose preimage is short',
      'malformed-credential',
      async (client) => credential(await client.ask('charge'), { preimage: 'ab' }),
    ],
    [
      'whose challenge was not made here',
      'unknown-challenge',
      async (client) => {
        const { challenge, preimage } = client.pay(await client.ask('charge'))
        return credential({ ...challenge, id: 'AAAA' }, { preimage })
      },
    ],
    ...(['realm', 'expires', 'request'] as const).map((name): (typeof cases)[number] => [
      `whose ${name} is not what was issued`,
      'unknown-challenge',
      async (client) => {
        const { challenge, preimage } = client.pay(await client.ask('charge'))
        const other = { realm: 'other', expires: '2099-01-01T00:00:00Z', request: cheaper(challenge.request) }
        return credential({ ...challenge, [name]: other[name] }, { preimage })
      },
    ]),
    [
      'whose preimage is of another payment',
      'invalid-preimage',
      async (client) => credential(await client.ask('charge'), { preimage: HEX }),
    ],
    [
      'that was used already',
      'unknown-challenge',
      async (client) => {
        const { challenge, preimage } = client.pay(await client.ask('charge'))
        expect((await client.send(challenge, { preimage })).status).toBe(200)
        return credential(challenge, { preimage })
      },
    ],
  ]

  test.each(cases)('%s: 402, %s, and a fresh challenge that can be paid', async (_, problem, make) => {
    const { client, shop } = await openCharges()
    const authorization = await make(client)
    const before = shop.served
    const response = await fetch(client.url, { headers: { authorization } })
    expect(response.status).toBe(402)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('payment-receipt')).toBeNull()
    const { type } = (await response.json()) as { type: string }
    expect([`${PROBLEMS}lightning/${problem}`, PROBLEMS + problem]).toContain(type)
    expect(shop.served).toBe(before)
    const fresh = client.pay(challengeIn(response, 'charge'))
    expect((await client.send(fresh.challenge, { preimage: fresh.preimage })).status).toBe(200)
  })
})

/** The same request, asking one sat. */
const cheaper = (request: string): string =>
  Buffer.from(JSON.stringify({ ...fromText(request), amount: '1' })).toString('base64url')
