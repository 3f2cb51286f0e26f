/*
 * What draft-httpauth-payment asks of the `stream` intent and no other test shows.
 */
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { StreamError } from '../../src/errors/error.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { formatCredential } from '../../src/wire/credential.ts'
import { decodeJson, encodeJson } from '../../src/wire/encoding.ts'
import { formatChallenge, parseChallenges } from '../../src/wire/header.ts'
import { bytes, openMarket, readAll, rejection } from '../trade/market.ts'
import { codeOf, NONCE, RawBuyer } from '../trade/wire.ts'

const PROBLEMS = 'https://paymentauth.org/problems/'
const KIB = 1024

describe('the challenge of a 402', () => {
  test('has every parameter that is required, canonical and without padding, and says when it ends', async () => {
    const market = await openMarket({ handler: bytes(KIB), realm: 'shop.example' })
    const response = await fetch(market.url)
    const header = response.headers.get('www-authenticate') ?? ''
    expect(header).toMatch(/^Payment /)
    expect(header.length).toBeLessThan(8192)
    const [challenge, ...others] = parseChallenges(header)
    expect(others).toEqual([])
    expect(challenge).toMatchObject({ realm: 'shop.example', method: 'lightning', intent: 'stream' })
    expect(challenge!.id).toMatch(/^[\w-]{43}$/)
    expect(challenge!.request).toMatch(/^[\w-]+$/)
    expect(encodeJson(decodeJson(challenge!.request, 'challenge-malformed'))).toBe(challenge!.request)
    expect(challenge!.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/)
    expect(Date.parse(challenge!.expires!)).toBeGreaterThan(Date.now())
  })

  test('is the same in whatever language it is asked for', async () => {
    const market = await openMarket({ handler: bytes(KIB), description: 'a film' })
    for (const language of ['de', 'en;q=0.5, fr', '*']) {
      const response = await fetch(market.url, { headers: { 'accept-language': language } })
      const [challenge] = parseChallenges(response.headers.get('www-authenticate') ?? '')
      expect(challenge?.description).toBe('a film')
    }
  })

  test('is read by a client up to 8 KiB', () => {
    for (const length of [4096, 8000]) {
      const challenge = { id: 'x', realm: 'r', method: 'lightning', intent: 'charge', request: 'A'.repeat(length) }
      expect(parseChallenges(formatChallenge(challenge))).toEqual([challenge])
    }
  })

  test('is not made where no payment can be taken: that is a 503', async () => {
    const wall = paywall({ node: Promise.reject(new StreamError('node-unreachable', 'gone')), price: '1 sat/request' })
    try {
      const response = await wall(bytes(1))(new Request('http://127.0.0.1/'))
      expect(response.status).toBe(503)
      expect(response.headers.get('www-authenticate')).toBeNull()
    } finally {
      await wall.close()
    }
  })
})

describe('a refused credential', () => {
  const use = (raw: RawBuyer) =>
    formatCredential({ challenge: raw.challenge, payload: { action: 'use', ...raw.proof } })
  const cases: Array<[string, string, (raw: RawBuyer) => string]> = [
    ['no base64url', 'malformed-credential', () => 'Payment !!!'],
    ['no JSON', 'malformed-credential', () => `Payment ${btoa('nope').replace(/=+$/, '')}`],
    ['without a payload', 'malformed-credential', ({ challenge }) => `Payment ${encodeJson({ challenge })}`],
    [
      'with a challenge that was not made here',
      'invalid-challenge',
      ({ challenge }) =>
        formatCredential({
          challenge: { ...challenge, id: 'AAAA' },
          payload: { action: 'accept', nonce: NONCE, invoices: [] },
        }),
    ],
    [
      'with a digest that the challenge did not have',
      'invalid-challenge',
      ({ challenge }) =>
        formatCredential({
          challenge: { ...challenge, digest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:' },
          payload: { action: 'accept', nonce: NONCE, invoices: [] },
        }),
    ],
    [
      'for an agreement that is not there',
      'invalid-challenge',
      ({ challenge, deal }) =>
        formatCredential({
          challenge,
          payload: { action: 'use', agreement: '0'.repeat(32), secret: deal.secret },
        }),
    ],
    ['for an agreement on which nothing was paid', 'payment-insufficient', use],
  ]

  test.each(cases)('%s: 402, %s, with a fresh challenge and no receipt', async (_, problem, credential) => {
    const market = await openMarket({ handler: bytes(KIB), graceMs: 50 })
    const raw = await new RawBuyer(market).agree()
    const response = await fetch(market.url, { headers: { authorization: credential(raw) } })
    expect(response.status).toBe(402)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('payment-receipt')).toBeNull()
    expect(await response.json()).toMatchObject({
      type: PROBLEMS + problem,
      title: expect.any(String),
      status: 402,
      detail: expect.any(String),
    })
    const [fresh] = parseChallenges(response.headers.get('www-authenticate') ?? '')
    raw.challenge = fresh!
    expect((await raw.send({ action: 'accept', nonce: '2'.repeat(32), invoices: [] })).status).toBe(200)
  })

  test('beside another one, each in a line of its own, is a 400', async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    const raw = await new RawBuyer(market).agree([1000n])
    const request = httpRequest(market.url, {
      headers: ['host', new URL(market.url).host, 'authorization', use(raw), 'authorization', use(raw)],
    })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(400)
    expect(await json(response)).toMatchObject({ code: 'credential-duplicate' })
  })
})

describe('a credential', () => {
  test.each([4096, 7600])('of %i bytes is read, with members that nobody knows', async (length) => {
    const market = await openMarket({ handler: bytes(KIB), credit: '1 sat' })
    const raw = await new RawBuyer(market).agree()
    const payload = { action: 'use', ...raw.proof, padding: '' }
    const short = encodeJson({ challenge: raw.challenge, payload }).length
    const padding = 'x'.repeat(Math.max(0, Math.floor(((length - short) * 3) / 4)))
    const token = encodeJson({ challenge: raw.challenge, payload: { ...payload, padding } })
    expect(token.length).toBeGreaterThanOrEqual(length - 4)
    const response = await fetch(market.url, { headers: { authorization: `Payment ${token}` } })
    expect(response.status).toBe(200)
    expect(await readAll(response)).toBe(KIB)
  })
})

describe('an answer to who has paid', () => {
  test('has a receipt that names method, reference, success and time, and is private', async () => {
    const market = await openMarket({ handler: bytes(KIB) })
    const raw = await new RawBuyer(market).agree([1000n])
    raw.pay(...raw.deal.invoices)
    const response = await raw.use()
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('private')
    const receipt = response.headers.get('payment-receipt') ?? ''
    expect(receipt).toMatch(/^[\w-]+$/)
    expect(decodeJson(receipt, 'seller-failed')).toEqual({
      method: 'lightning',
      reference: raw.deal.agreement.id,
      status: 'success',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/),
    })
    await readAll(response)
  })

  test.each([403, 402])('of %i by the service itself has no challenge, no receipt and no cost', async (status) => {
    const market = await openMarket({
      price: '1 sat/request',
      handler: () => new Response('not for you', { status }),
    })
    const raw = await new RawBuyer(market).agree([1000n])
    raw.pay(...raw.deal.invoices)
    const response = await raw.use()
    expect(response.status).toBe(status)
    expect(await response.text()).toBe('not for you')
    expect(response.headers.get('www-authenticate')).toBeNull()
    expect(response.headers.get('payment-receipt')).toBeNull()
    expect(market.account.gate.delivered).toBe(0n)
  })
})

test('who is not let in by an authentication before the wall is told 401, and nothing of the price', async () => {
  const market = await openMarket({
    handler: bytes(KIB),
    tamper: (wall) => async (request) =>
      request.headers.get('x-api-key') === 'mine'
        ? wall(request)
        : new Response('who are you?', { status: 401, headers: { 'www-authenticate': 'Bearer' } }),
  })
  const stranger = await fetch(market.url)
  expect([stranger.status, stranger.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  const known = await fetch(market.url, { headers: { 'x-api-key': 'mine' } })
  expect(known.status).toBe(402)
  expect(known.headers.get('www-authenticate')).toMatch(/^Payment /)
})

describe('a buyer', () => {
  test('goes by the request of a challenge, and never by its description', async () => {
    const market = await openMarket({ handler: bytes(KIB), price: '9 sat/KiB', description: 'only 1 sat/KiB' })
    const error = await rejection(market.buyer({ maxPrice: '1 sat/KiB' }).fetch(market.url))
    expect(error).toMatchObject({ code: 'price-too-high' })
    expect(market.attempts).toEqual([])
  })

  test.each([
    ['method', 'tempo', 'charge'],
    ['intent', 'lightning', 'authorize'],
  ])('takes a challenge whose %s it does not know for none, and pays nothing', async (_, method, intent) => {
    const market = await openMarket({
      handler: bytes(KIB),
      tamper: () => async () =>
        new Response('pay', {
          status: 402,
          headers: { 'www-authenticate': formatChallenge({ id: 'x', realm: 'r', method, intent, request: 'e30' }) },
        }),
    })
    const response = await market.buyer().fetch(market.url)
    expect([response.status, await response.text()]).toEqual([402, 'pay'])
    expect(market.attempts).toEqual([])
  })

  test('sends one credential, for one of the challenges that it was offered', async () => {
    const sent: string[] = []
    const other = formatChallenge({ id: 'y', realm: 'r', method: 'tempo', intent: 'charge', request: 'e30' })
    const market = await openMarket({
      handler: bytes(KIB),
      tamper: (wall) => async (request) => {
        const authorization = request.headers.get('authorization')
        if (authorization !== null) sent.push(authorization)
        const response = await wall(request)
        if (response.status === 402) response.headers.append('www-authenticate', other)
        return response
      },
    })
    expect(await readAll(await market.buyer().fetch(market.url))).toBe(KIB)
    expect(sent.length).toBeGreaterThan(0)
    for (const header of sent) {
      expect(header).toMatch(/^Payment [\w-]+$/)
      expect(decodeJson(header.slice('Payment '.length), 'credential-malformed')).toMatchObject({
        challenge: { method: 'lightning', intent: 'stream' },
      })
    }
  })
})

test('the secret of a seller is in no answer, no event and no error', async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const market = await openMarket({ handler: bytes(KIB), secret, schemes: ['stream', 'session', 'charge', 'l402'] })
  const raw = await new RawBuyer(market).agree([1000n])
  raw.pay(...raw.deal.invoices)
  const answers = [
    await fetch(market.url),
    await fetch(market.url, { headers: { authorization: 'Payment !!!' } }),
    await raw.send({ action: 'use', agreement: raw.deal.agreement.id, secret: '0'.repeat(64) }),
    await raw.use(),
    await raw.send({ action: 'close', ...raw.proof }),
  ]
  const said = [inspect(market.events, { depth: 3 })]
  for (const answer of answers) said.push([...answer.headers].join(), await answer.text())
  const all = said.join('\n')
  expect(all).toContain(raw.deal.agreement.id)
  const key = Buffer.from(secret)
  for (const encoding of ['hex', 'base64url', 'base64', 'latin1'] as const) {
    expect(all.includes(key.toString(encoding))).toBe(false)
  }
})

test('two buyers that were given one challenge have an agreement each', async () => {
  const market = await openMarket({ handler: bytes(KIB) })
  const [one, other] = [new RawBuyer(market), new RawBuyer(market)]
  await one.agree([], '1'.repeat(32))
  other.challenge = one.challenge
  const answer = await other.send({ action: 'accept', nonce: '2'.repeat(32), invoices: [] })
  expect(answer.status).toBe(200)
  const { agreement, secret } = (await answer.json()) as { agreement: string; secret: string }
  expect(agreement).not.toBe(one.deal.agreement.id)
  expect(await codeOf(await other.send({ action: 'use', agreement, secret: one.deal.secret }))).toBe(
    'agreement-unknown',
  )
  expect(secret).not.toBe(one.deal.secret)
})
