/*
 * Headers that a request has of its own, before a seller that looks at them before its wall.
 */
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/index.ts'
import { type RunningServer, serve, type WebHandler } from '../../src/seller/adapters/node.ts'
import type { PaidHandler } from '../../src/seller/paywall.ts'
import { parseAnyCredential } from '../../src/wire/credential.ts'
import { bytes, type Market, type MarketOptions, openMarket, readAll, rejection } from './market.ts'

const SIZE = 40_000
const KEY = 'Bearer key-of-the-service'
const fronts: RunningServer[] = []
afterEach(async () => void (await Promise.all(fronts.splice(0).map((front) => front.close(0)))))

interface Door {
  readonly market: Market
  /** What came to the door, the action of its credential first. */
  readonly came: Array<{ readonly action: string; readonly headers: Headers; readonly url: string }>
}

const actionOf = ({ headers }: Request): string => {
  const text = ['payment-authorization', 'authorization']
    .map((name) => headers.get(name))
    .find((value) => value?.startsWith('Payment '))
  return text ? `${parseAnyCredential(text).payload.action}` : 'none'
}

/** A seller with a door before its wall: who has not this header is told 401. */
async function openDoor(name: string, value: string, options: Partial<MarketOptions> = {}): Promise<Door> {
  const came: Door['came'] = []
  const tamper =
    (inner: WebHandler): WebHandler =>
    (request) => {
      came.push({ action: actionOf(request), headers: request.headers, url: request.url })
      return request.headers.get(name) === value ? inner(request) : new Response('who are you?', { status: 401 })
    }
  return { market: await openMarket({ handler: bytes(SIZE), ...options, tamper }), came }
}

/** Whole payments of 9 sat leave something of the last one to come back. */
const PAYMENT = '9 sat'

const CONTROL = ['accept', 'invoices', 'watch', 'close', 'return']

describe('a key that the seller looks at before its wall', () => {
  test('goes with every control action, and nothing that belongs to one request does', async () => {
    const { market, came } = await openDoor('x-api-key', 'secret', { smallestPayment: PAYMENT })
    const buyer = market.buyer({ ahead: PAYMENT })
    const headers = {
      'X-Api-Key': 'secret',
      'X-Tenant': 'me',
      Accept: 'text/html',
      'Content-Type': 'application/json',
      'If-None-Match': '"a"',
      Range: 'bytes=0-',
      'Idempotency-Key': '7',
    }
    const init = { method: 'POST', body: '{}', headers }
    expect(await readAll(await buyer.fetch(market.url, init))).toBe(SIZE)
    expect(await buyer.close()).toMatchObject([{ returned: 'settled' }])
    const control = came.filter(({ action }) => CONTROL.includes(action))
    expect(new Set(control.map(({ action }) => action))).toEqual(new Set(CONTROL))
    for (const { headers: sent } of control) {
      expect(sent.get('x-api-key')).toBe('secret')
      expect(sent.get('x-tenant')).toBe('me')
      for (const name of ['content-type', 'if-none-match', 'range', 'idempotency-key']) {
        expect(sent.get(name), name).toBeNull()
      }
      expect(sent.get('accept')).not.toBe('text/html')
    }
  })

  test('is the one of the last request, as keys are replaced', async () => {
    const { market, came } = await openDoor('x-api-key', 'secret')
    const buyer = market.buyer()
    for (const tenant of ['one', 'two']) {
      const headers = { 'x-api-key': 'secret', 'x-tenant': tenant }
      expect(await readAll(await buyer.fetch(market.url, { headers }))).toBe(SIZE)
    }
    await buyer.close()
    const closes = came.filter(({ action }) => action === 'close' || action === 'return')
    expect(closes.map(({ headers }) => headers.get('x-tenant'))).toEqual(closes.map(() => 'two'))
  })

  test('goes to the place of its request alone, and not with what is said about an agreement elsewhere', async () => {
    const { market, came } = await openDoor('x-api-key', 'secret')
    const buyer = market.buyer()
    const headers = { 'x-api-key': 'secret' }
    expect(await readAll(await buyer.fetch(`${market.url}/a`, { headers }))).toBe(SIZE)
    const other = { ...headers, 'x-other': 'b' }
    expect(await readAll(await buyer.fetch(`${market.url}/b`, { headers: other }))).toBe(SIZE)
    expect(buyer.trades).toHaveLength(1)
    await buyer.close()
    const control = came.filter(({ action }) => CONTROL.includes(action))
    expect(control.every(({ url }) => new URL(url).pathname === '/a')).toBe(true)
    expect(control.every(({ headers: sent }) => !sent.has('x-other'))).toBe(true)
  })

  test('does not go to another origin that a redirect leads to', async () => {
    const { market, came } = await openDoor('x-none', '1')
    const open = await openMarket({
      handler: bytes(SIZE),
      tamper: (inner) => (request) => {
        came.push({ action: actionOf(request), headers: request.headers, url: request.url })
        return inner(request)
      },
    })
    const front = await serve(() => new Response(null, { status: 307, headers: { location: open.url } }), { port: 0 })
    fronts.push(front)
    const buyer = open.buyer({ redirects: 'follow' })
    const headers = { 'x-api-key': 'secret', authorization: KEY, cookie: 'a=b' }
    expect(await readAll(await buyer.fetch(front.url, { headers }))).toBe(SIZE)
    await buyer.close()
    expect(came.filter(({ headers: sent }) => sent.has('cookie'))).toEqual([])
    expect(came.filter(({ headers: sent }) => sent.get('authorization') === KEY)).toEqual([])
    const control = came.filter(({ action }) => CONTROL.includes(action))
    expect(control.length).toBeGreaterThan(0)
    expect(control.filter(({ headers: sent }) => sent.has('x-api-key'))).toEqual([])
    expect(market.attempts).toEqual([])
  })

  test('is in no journal: another run brings its own', async () => {
    const journal = openJournal(':memory:')
    const { market, came } = await openDoor('x-api-key', 'key-at-the-door')
    const headers = { 'x-api-key': 'key-at-the-door' }
    const first = market.buyer({ journal })
    expect(await readAll(await first.fetch(market.url, { headers }))).toBe(SIZE)
    await first.close({ keep: true })
    expect(inspect(await journal.agreements(), { depth: null })).not.toContain('key-at-the-door')
    const next = market.buyer({ journal })
    expect(await readAll(await next.fetch(market.url, { headers }))).toBe(SIZE)
    expect(next.trades).toMatchObject([{ resumed: true }])
    await next.close()
    expect(came.filter(({ action, headers: sent }) => action !== 'none' && !sent.has('x-api-key'))).toEqual([])
  })
})

describe('an Authorization of the request’s own', () => {
  const echoing: PaidHandler = (request, meter) => {
    expect(request.headers.get('authorization')).toBe(KEY)
    return bytes(SIZE)(request, meter)
  }

  test('stays, with the payment beside it, from the first request to the return', async () => {
    const { market, came } = await openDoor('authorization', KEY, { handler: echoing, smallestPayment: PAYMENT })
    const buyer = market.buyer({ ahead: PAYMENT })
    const headers = { Authorization: KEY }
    for (const _ of [1, 2]) expect(await readAll(await buyer.fetch(market.url, { headers }))).toBe(SIZE)
    expect(buyer.trades).toHaveLength(1)
    expect(await buyer.close()).toMatchObject([{ returned: 'settled' }])
    expect(came.every(({ headers: sent }) => sent.get('authorization') === KEY)).toBe(true)
    expect(new Set(came.map(({ action }) => action))).toEqual(new Set(['none', 'use', ...CONTROL]))
  })

  test('comes later than the agreement: the seller is asked whether there is room, and the agreement goes on', async () => {
    const seen: Array<string | null> = []
    const market = await openMarket({
      handler: (request, meter) => {
        seen.push(request.headers.get('authorization'))
        return bytes(SIZE)(request, meter)
      },
    })
    const buyer = market.buyer()
    expect(await readAll(await buyer.fetch(market.url))).toBe(SIZE)
    expect(await readAll(await buyer.fetch(market.url, { headers: { authorization: KEY } }))).toBe(SIZE)
    expect(await readAll(await buyer.fetch(market.url))).toBe(SIZE)
    expect(buyer.trades).toHaveLength(1)
    expect(seen[1]).toBe(KEY)
    const [closing] = await buyer.close()
    expect(closing).toMatchObject({ statement: { steps: BigInt(3 * SIZE) } })
  })

  test('for which a seller leaves no room is told before anything is agreed or paid', async () => {
    const { market, came } = await openDoor('authorization', KEY, { credentialHeader: 'Authorization' })
    const buyer = market.buyer()
    const error = await rejection(buyer.fetch(market.url, { headers: { authorization: KEY } }))
    expect(error).toMatchObject({ code: 'authorization-taken' })
    expect(await rejection(buyer.agree(market.url, { headers: { authorization: KEY } }))).toMatchObject({
      code: 'authorization-taken',
    })
    expect(market.attempts).toEqual([])
    expect(buyer.trades).toEqual([])
    expect(came.map(({ action }) => action)).toEqual(['none', 'none'])
  })

  test('goes with what asks for no money, as it is', async () => {
    const market = await openMarket({
      handler: bytes(SIZE),
      tamper: () => (request) => new Response(`for ${request.headers.get('authorization')}`),
    })
    const response = await market.buyer().fetch(market.url, { headers: { authorization: KEY } })
    expect(await response.text()).toBe(`for ${KEY}`)
  })

  test.each([
    { authorization: 'Payment AAAA' },
    { authorization: `L402 AAAA:${'0'.repeat(64)}` },
    { 'payment-authorization': 'Payment AAAA' },
  ])('that is a payment is refused: %j', async (headers) => {
    const market = await openMarket({ handler: bytes(SIZE) })
    const error = await rejection(market.buyer().fetch(market.url, { headers: headers as never }))
    expect(error).toMatchObject({ code: 'option-invalid' })
  })
})
