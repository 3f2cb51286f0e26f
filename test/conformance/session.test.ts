/*
 * What draft-lightning-session asks of a seller, by a client that speaks it by hand.
 */
import { describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/index.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'
import { foreignInvoice } from '../../src/wire/testing/invoice.ts'
import { type Market, type MarketOptions, openMarket } from '../trade/market.ts'
import { challengeIn, credential, FieldClient, fromText, invoiceOf, type Paid, receiptOf } from './field.ts'

const PROBLEMS = 'https://paymentauth.org/problems/lightning/'
const HEX = '0'.repeat(64)

const token = (i: number): string => `data: ${JSON.stringify({ choices: [{ delta: { content: `t${i}` } }] })}\n\n`

/** So many tokens as server-sent events, made when they are asked for. */
function stream(count: number): Response {
  let i = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (i === count) {
          controller.enqueue(new TextEncoder().encode('data: [DONE]\n\n'))
          controller.close()
        } else controller.enqueue(new TextEncoder().encode(token(i++)))
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

async function openSessions(options: Partial<MarketOptions> = {}) {
  const shop = { served: 0 }
  const market = await openMarket({
    handler: () => {
      shop.served++
      return stream(3)
    },
    price: '1 sat/token',
    allowance: '10 sat',
    schemes: ['session'],
    realm: 'shop.example',
    ...options,
  })
  const client = new FieldClient(market)
  /** An open session, its first answer read. */
  const session = async (returnInvoice?: string): Promise<Paid> => {
    const paid = client.pay(await client.ask('session'))
    const response = await client.open(paid, returnInvoice)
    expect(response.status).toBe(200)
    await response.text()
    return paid
  }
  return { market, shop, client, session }
}

interface Event {
  readonly event: string
  readonly data: string
}

/** The events of a stream, as they come. */
async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let held = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    held += decoder.decode(chunk, { stream: true })
    for (let end = held.indexOf('\n\n'); end >= 0; end = held.indexOf('\n\n')) {
      const lines = held.slice(0, end).split('\n')
      held = held.slice(end + 2)
      const of = (name: string) =>
        lines
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim()
      yield { event: of('event') ?? 'message', data: of('data') ?? '' }
    }
  }
}

async function collect(response: Response): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of eventsOf(response)) events.push(event)
  return events
}

const jsonOf = async (response: Response) => (await response.json()) as Record<string, unknown>

describe('a session challenge', () => {
  test('names the price of a unit, the deposit and its invoice, and for how long it may idle', async () => {
    const { client } = await openSessions({ sessionIdleMs: 120_000 })
    const challenge = await client.ask('session')
    expect(challenge).toMatchObject({ realm: 'shop.example', method: 'lightning', intent: 'session' })
    const request = fromText(challenge.request)
    const invoice = decodeInvoice(invoiceOf(challenge))
    expect(request).toMatchObject({
      amount: '1',
      currency: 'sat',
      depositAmount: '10',
      paymentHash: invoice.paymentHash,
      idleTimeout: '120',
    })
    expect(invoice.amount).toBe(10_000n)
    expect(Date.parse(challenge.expires!)).toBeLessThanOrEqual(invoice.expiresAtMs)
    const text = Buffer.from(challenge.request, 'base64url').toString('utf8')
    expect(JSON.stringify(Object.fromEntries(Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1))))).toBe(text)
  })

  test('asks for twenty units and five minutes where nobody says otherwise', async () => {
    const { client } = await openSessions({ price: '3 sat/token', allowance: undefined })
    expect(fromText((await client.ask('session')).request)).toMatchObject({
      amount: '3',
      depositAmount: '60',
      idleTimeout: '300',
    })
  })

  test.each([
    ['7 msat/3 tokens', '1 sat'],
    ['5 sat/token', '2 sat'],
    ['1 msat/byte', undefined],
  ])('of %s and an allowance of %s asks for one unit at least', async (price, allowance) => {
    const { client } = await openSessions({ price, allowance })
    const { amount, depositAmount } = fromText((await client.ask('session')).request)
    expect(Number(amount)).toBeGreaterThanOrEqual(1)
    expect(Number(depositAmount)).toBeGreaterThanOrEqual(Number(amount))
  })

  test('is asked for again by the same client without another invoice, until that is paid', async () => {
    const { client, market } = await openSessions()
    const first = await client.ask('session')
    const before = market.nodes.seller.calls
    for (let i = 0; i < 5; i++) expect(invoiceOf(await client.ask('session'))).toBe(invoiceOf(first))
    expect(market.nodes.seller.calls).toBe(before)
    client.pay(first)
    expect(invoiceOf(await client.ask('session'))).not.toBe(invoiceOf(first))
  })
})

describe('an open', () => {
  test('serves what was asked for, metered, with the session as the reference of its receipts', async () => {
    const { client } = await openSessions()
    const paid = client.pay(await client.ask('session'))
    const response = await client.open(paid)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('private')
    const receipt = {
      method: 'lightning',
      reference: paid.paymentHash,
      status: 'success',
      timestamp: expect.any(String),
    }
    expect(receiptOf(response)).toMatchObject(receipt)
    const events = await collect(response)
    expect(events.map(({ event }) => event)).toEqual(['message', 'message', 'message', 'payment-receipt', 'message'])
    expect(JSON.parse(events[3]!.data)).toMatchObject({ ...receipt, spent: 3, units: 3 })
    expect(events[4]!.data).toBe('[DONE]')
  })

  test('that is repeated opens no second session and is no free answer', async () => {
    const { client } = await openSessions()
    const paid = client.pay(await client.ask('session'))
    const back = await client.returnInvoice()
    for (let i = 0; i < 2; i++) expect((await collect(await client.open(paid, back))).length).toBe(5)
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 4 })
  })
})

describe('a bearer', () => {
  test('is served from the balance, and the balance is what was deposited less what was delivered', async () => {
    const { client, session, shop } = await openSessions()
    const paid = await session()
    for (let i = 0; i < 2; i++) {
      const response = await client.bearer(paid)
      expect([response.status, receiptOf(response).reference]).toEqual([200, paid.paymentHash])
      await response.text()
    }
    expect(shop.served).toBe(3)
    expect(await jsonOf(await client.close(paid))).toMatchObject({ status: 'closed', refundSats: 1 })
  })

  test('that gets an error costs nothing', async () => {
    let status = 200
    const { client, session } = await openSessions({
      handler: () => (status === 200 ? stream(2) : new Response('overloaded', { status })),
    })
    const paid = await session()
    status = 503
    const response = await client.bearer(paid)
    expect([response.status, response.headers.get('payment-receipt')]).toEqual([503, null])
    await response.text()
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 8 })
  })

  test('is charged by the terms of its session, whatever challenge it echoes', async () => {
    const { client, session } = await openSessions()
    const paid = await session()
    const { request } = paid.challenge
    const cheap = Buffer.from(JSON.stringify({ ...fromText(request), amount: '0' })).toString('base64url')
    for (const challenge of [
      { ...paid.challenge, request: cheap },
      { ...paid.challenge, id: 'AAAA' },
    ]) {
      const refused = await client.bearer({ ...paid, challenge } as Paid)
      expect(refused.status).toBe(402)
      await refused.text()
    }
    // A challenge of another invoice of ours is as good as any: the session says what is paid.
    const response = await client.bearer({ ...paid, challenge: await client.ask('session') })
    expect(response.status).toBe(200)
    await response.text()
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 4 })
  })

  test('many at once spend no sat twice', async () => {
    const { client, session, market } = await openSessions({ graceMs: 50 })
    const paid = await session()
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await client.bearer(paid)).text()))
    const tokens = bodies.join('').split('"content"').length - 1
    expect(tokens).toBeLessThanOrEqual(7)
    const { refundSats } = await jsonOf(await client.close(paid))
    expect(Number(refundSats)).toBe(7 - tokens)
    market.checkRisks()
  })
})

describe('a top-up', () => {
  test('is answered with ok and no stream, and the waiting stream goes on where it was', async () => {
    const { client, shop } = await openSessions({ handler: () => stream(15) })
    const paid = client.pay(await client.ask('session'))
    const events: Event[] = []
    for await (const event of eventsOf(await client.open(paid))) {
      events.push(event)
      if (event.event !== 'payment-need-topup') continue
      expect(JSON.parse(event.data)).toEqual({ sessionId: paid.paymentHash, balanceSpent: 10, balanceRequired: 1 })
      expect(events).toHaveLength(11)
      const more = client.pay(await client.ask('session'))
      const answer = await client.topUp(paid, more)
      expect([answer.status, receiptOf(answer).reference]).toEqual([200, paid.paymentHash])
      expect(await answer.json()).toEqual({ status: 'ok' })
    }
    const tokens = events.filter(({ data }) => data.includes('content')).map(({ data }) => data)
    expect(tokens).toEqual(Array.from({ length: 15 }, (_, i) => token(i).slice('data: '.length).trim()))
    expect(events.at(-1)?.data).toBe('[DONE]')
    expect(shop.served).toBe(0)
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 5 })
  })

  test('counts once, however often it is shown, and an opened deposit is none', async () => {
    const { client, session, shop } = await openSessions()
    const paid = await session()
    const more = client.pay(await client.ask('session'))
    const served = shop.served
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.topUp(paid, more)))
    for (const answer of answers) expect(await answer.json()).toMatchObject({ status: 'ok' })
    const refused = await client.topUp(paid, paid)
    expect([refused.status, refused.headers.get('payment-receipt')]).toEqual([402, null])
    await refused.text()
    expect(shop.served).toBe(served)
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 17 })
  })

  test('belongs to the session that it was first shown for', async () => {
    const { client, session } = await openSessions()
    const [one, other] = [await session(), await session()]
    const more = client.pay(await client.ask('session'))
    expect((await client.topUp(one, more)).status).toBe(200)
    expect((await client.topUp(other, more)).status).toBe(402)
    expect((await client.open(more)).status).toBe(402)
    expect(await jsonOf(await client.close(other))).toMatchObject({ refundSats: 7 })
  })

  test('with the preimage of an earlier one is refused', async () => {
    const { client, session } = await openSessions()
    const paid = await session()
    const first = client.pay(await client.ask('session'))
    await client.topUp(paid, first)
    const fresh = await client.ask('session')
    expect((await client.topUp(paid, { ...first, challenge: fresh })).status).toBe(402)
    expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 17 })
  })
})

test('a stream that nobody tops up says so, and ends', async () => {
  const { client } = await openSessions({ handler: () => stream(15), graceMs: 50 })
  const paid = client.pay(await client.ask('session'))
  const events = await collect(await client.open(paid))
  const short = JSON.stringify({ sessionId: paid.paymentHash, balanceSpent: 10, balanceRequired: 1 })
  expect(events.slice(-2)).toEqual([
    { event: 'payment-need-topup', data: short },
    { event: 'session-timeout', data: short },
  ])
  expect(events.filter(({ data }) => data.includes('content'))).toHaveLength(10)
})

/** What came back to the buyer's node. */
const returned = ({ nodes }: Market): bigint => nodes.buyer.settlements.reduce((sum, { amount }) => sum + amount, 0n)

describe('a close', () => {
  test('pays the rest to the return invoice, once, and says so in answer and receipt', async () => {
    const { client, session, market, shop } = await openSessions()
    const paid = await session()
    const served = shop.served
    const response = await client.close(paid)
    expect(response.status).toBe(200)
    expect(await jsonOf(response)).toEqual({ status: 'closed', refundSats: 7, refundStatus: 'succeeded' })
    expect(receiptOf(response)).toMatchObject({
      method: 'lightning',
      reference: paid.paymentHash,
      status: 'success',
      refundSats: 7,
      refundStatus: 'succeeded',
    })
    expect(returned(market)).toBe(7000n)
    expect(shop.served).toBe(served)
    expect(await jsonOf(await client.close(paid))).toEqual({
      status: 'closed',
      refundSats: 7,
      refundStatus: 'succeeded',
    })
    expect(returned(market)).toBe(7000n)
  })

  test('of a balance of nothing pays nothing', async () => {
    const { client, market } = await openSessions({ handler: () => stream(10) })
    const paid = client.pay(await client.ask('session'))
    await (await client.open(paid)).text()
    const calls = market.nodes.seller.calls
    expect(await jsonOf(await client.close(paid))).toEqual({ status: 'closed', refundSats: 0, refundStatus: 'skipped' })
    expect(market.nodes.seller.calls).toBe(calls)
  })

  test('ends everything: no action opens, uses or fills the session again', async () => {
    const { client, session, shop } = await openSessions()
    const paid = await session()
    await client.close(paid)
    const served = shop.served
    const more = client.pay(await client.ask('session'))
    for (const act of [() => client.bearer(paid), () => client.open(paid), () => client.topUp(paid, more)]) {
      const response = await act()
      expect(response.status).toBe(402)
      expect(await jsonOf(response)).toMatchObject({ type: `${PROBLEMS}session-closed` })
      expect(challengeIn(response, 'session').id).not.toBe('')
    }
    expect(shop.served).toBe(served)
  })

  test('whose refund cannot be paid stays closed, and the money is still owed', async () => {
    const { client, session, market } = await openSessions()
    market.nodes.seller.script = () => ({ status: 'failed', reason: 'no-route', detail: 'nobody there' })
    const paid = await session()
    expect(await jsonOf(await client.close(paid))).toMatchObject({
      status: 'closed',
      refundSats: 7,
      refundStatus: 'failed',
    })
    expect((await client.bearer(paid)).status).toBe(402)
    expect(market.events.some(({ type }) => type === 'return-delayed')).toBe(true)
  })
})

test('a session that idles is closed, and its rest returned', async () => {
  const { client, session, market } = await openSessions({ sessionIdleMs: 1500 })
  const paid = await session()
  await expect.poll(() => returned(market)).toBe(7000n)
  const late = await client.bearer(paid)
  expect(late.status).toBe(402)
  expect(await jsonOf(late)).toMatchObject({ type: `${PROBLEMS}session-closed` })
})

test('a seller that starts again knows its sessions, what they spent, and those that are closed', async () => {
  const ledger = openLedger(':memory:')
  const first = await openSessions({ ledger, secret: new Uint8Array(32).fill(7) })
  const [paid, closed] = [await first.session(), await first.session()]
  await first.client.close(closed)
  await first.market.close()
  const { nodes } = first.market
  const next = await openMarket({
    handler: () => stream(3),
    price: '1 sat/token',
    allowance: '10 sat',
    schemes: ['session'],
    realm: 'shop.example',
    ledger,
    secret: new Uint8Array(32).fill(7),
    nodes,
  })
  const client = new FieldClient(next)
  expect((await client.bearer(closed)).status).toBe(402)
  const response = await client.bearer(paid)
  expect(response.status).toBe(200)
  await response.text()
  expect(await jsonOf(await client.close(paid))).toMatchObject({ refundSats: 4 })
})

describe('a refused session credential', () => {
  type Make = (client: FieldClient, paid: Paid) => Promise<string> | string
  const opening = (returnInvoice: string) => (_: FieldClient, paid: Paid) =>
    credential(paid.challenge, { action: 'open', preimage: paid.preimage, returnInvoice })
  const cases: Array<[string, string, Make]> = [
    ['that is no JSON', 'malformed-credential', () => `Payment ${Buffer.from('nope').toString('base64url')}`],
    [
      'of an action that there is not',
      'malformed-credential',
      (_, { challenge, preimage }) => credential(challenge, { action: 'use', preimage }),
    ],
    [
      'that opens without a return invoice',
      'malformed-credential',
      (_, { challenge, preimage }) => credential(challenge, { action: 'open', preimage }),
    ],
    [
      'whose challenge was altered',
      'unknown-challenge',
      async (client, { challenge, preimage }) =>
        credential(
          { ...challenge, realm: 'other' },
          { action: 'open', preimage, returnInvoice: await client.returnInvoice() },
        ),
    ],
    [
      'that opens with a preimage of something else',
      'invalid-preimage',
      async (client, { challenge }) =>
        credential(challenge, { action: 'open', preimage: HEX, returnInvoice: await client.returnInvoice() }),
    ],
    ['whose return invoice names an amount', 'invalid-return-invoice', opening(foreignInvoice())],
    [
      'whose return invoice is of another network',
      'invalid-return-invoice',
      opening(foreignInvoice({ network: 'mainnet' })),
    ],
    ['whose return invoice is none', 'invalid-return-invoice', opening('lnbcrt1garbage')],
    [
      'of a session that is not there',
      'session-not-found',
      (_, { challenge, preimage, paymentHash }) =>
        credential(challenge, { action: 'bearer', sessionId: paymentHash, preimage }),
    ],
    [
      'that uses a session with a wrong preimage',
      'invalid-preimage',
      async (client, paid) => {
        await (await client.open(paid)).text()
        return credential(paid.challenge, { action: 'bearer', sessionId: paid.paymentHash, preimage: HEX })
      },
    ],
    [
      'that closes a session with a wrong preimage',
      'invalid-preimage',
      async (client, paid) => {
        await (await client.open(paid)).text()
        return credential(paid.challenge, { action: 'close', sessionId: paid.paymentHash, preimage: HEX })
      },
    ],
    [
      'that tops up a session that is not there',
      'session-not-found',
      (_, { challenge, preimage }) =>
        credential(challenge, { action: 'topUp', sessionId: HEX, topUpPreimage: preimage }),
    ],
  ]

  test.each(cases)('%s: 402, %s, and a fresh challenge', async (_, problem, make) => {
    const { client, shop } = await openSessions()
    const paid = client.pay(await client.ask('session'))
    const authorization = await make(client, paid)
    const served = shop.served
    const response = await fetch(client.url, { headers: { authorization } })
    expect(response.status).toBe(402)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('payment-receipt')).toBeNull()
    const text = await response.text()
    expect(text).not.toContain(paid.preimage)
    const { type } = JSON.parse(text) as { type: string }
    expect([PROBLEMS + problem, `https://paymentauth.org/problems/${problem}`]).toContain(type)
    expect(challengeIn(response, 'session').id).not.toBe('')
    expect(shop.served).toBe(served)
  })
})
