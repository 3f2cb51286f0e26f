import { describe, expect, test } from 'vitest'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { formatCredential } from '../../src/wire/credential.ts'
import { bytes, openMarket, readAll } from './market.ts'
import { codeOf, RawBuyer } from './wire.ts'

const ZEROES = '0'.repeat(64)

describe('a credential', () => {
  test('with a wrong secret, or for an agreement that is not there, says nothing about which', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(market).agree([1000n])
    const answers = await Promise.all([
      raw.send({ action: 'use', agreement: raw.deal.agreement.id, secret: ZEROES }),
      raw.send({ action: 'use', agreement: ZEROES.slice(32), secret: raw.deal.secret }),
      raw.send({ action: 'close', agreement: raw.deal.agreement.id, secret: ZEROES }),
      raw.send({ action: 'watch', agreement: raw.deal.agreement.id, secret: ZEROES }),
    ])
    const problems = await Promise.all(
      answers.map(async (answer) => ({ status: answer.status, body: await answer.json() })),
    )
    for (const problem of problems) expect(problem).toEqual(problems[0])
    expect(problems[0]).toMatchObject({ status: 402, body: { code: 'agreement-unknown' } })
    expect(market.account.closed).toBe(false)
  })

  test.each([
    ['no base64url', 'Payment !!!'],
    ['no JSON', 'Payment aGVsbG8'],
    ['empty', 'Payment '],
    ['without a payload', `Payment ${btoa('{"challenge":{}}').replace(/=+$/, '')}`],
    ['oversized', `Payment ${'A'.repeat(9000)}`],
  ])('that is %s is malformed', async (_, authorization) => {
    const market = await openMarket({ handler: bytes(1000) })
    const response = await fetch(market.url, { headers: { authorization } })
    expect(response.status).toBe(402)
    expect(['credential-malformed', 'payment-required']).toContain(await codeOf(response))
    expect(market.accounts.size).toBe(0)
  })

  test('too large for any header is refused by the server', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const response = await fetch(market.url, { headers: { authorization: `Payment ${'A'.repeat(60_000)}` } })
    expect(response.status).toBe(431)
  })

  test('twice in one header is refused', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(market).agree()
    const one = formatCredential({ challenge: raw.challenge, payload: { action: 'use', ...raw.proof } })
    const response = await fetch(market.url, { headers: { authorization: `${one}, ${one}` } })
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe('credential-duplicate')
  })

  test('of another method or intent is not served', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(market).agree()
    raw.challenge = { ...raw.challenge, intent: 'charge' }
    const response = await raw.use()
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe('method-unsupported')
  })

  test('of an agreement with another seller is unknown here', async () => {
    const here = await openMarket({ handler: bytes(1000) })
    const there = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(there).agree([1000n])
    const foreign = new RawBuyer(here)
    foreign.challenge = raw.challenge
    foreign.deal = raw.deal
    const response = await foreign.use()
    expect(response.status).toBe(402)
    expect(await codeOf(response)).toBe('agreement-unknown')
  })

  test('may be repeated and overlapped: every use is counted', async () => {
    const market = await openMarket({ handler: () => new Response('x'), price: '1 sat/request', credit: '5 sat' })
    const raw = await new RawBuyer(market).agree()
    const answers = await Promise.all(Array.from({ length: 5 }, () => raw.use()))
    for (const answer of answers) expect(await readAll(answer)).toBe(1)
    expect(market.account.gate.deliveredSteps).toBe(5n)
  })

  test('stands on the agreement’s own terms, whatever challenge it echoes', async () => {
    const market = await openMarket({
      handler: () => new Response('x'),
      price: '1 sat/request',
      credit: '1 sat',
      graceMs: 50,
    })
    const raw = await new RawBuyer(market).agree()
    raw.challenge = { ...raw.challenge, request: 'eyJhbW91bnQiOiIwIn0', id: 'forged' }
    expect((await raw.use()).status).toBe(200)
    expect(market.account.gate.delivered).toBe(1000n)
    expect((await raw.use()).status).toBe(402)
  })
})

describe('a closed agreement', () => {
  test('is not used any more, keeps its first statement, and what runs on it ends', async () => {
    const market = await openMarket({ handler: bytes(5000), graceMs: 10_000 })
    const raw = await new RawBuyer(market).agree([2000n])
    raw.pay(...raw.deal.invoices)
    const running = raw.use().then(readAll, () => 'refused')
    const first = await (await raw.send({ action: 'close', ...raw.proof })).json()
    expect(first).toMatchObject({ state: 'closed', paid: '2000' })
    await running.catch(() => {})
    expect(await (await raw.send({ action: 'close', ...raw.proof })).json()).toEqual(first)
    const use = await raw.use()
    expect(use.status).toBe(402)
    expect(await codeOf(use)).toBe('agreement-unknown')
    const more = await raw.send({ action: 'invoices', ...raw.proof, amounts: [1000n as never] })
    expect(await codeOf(more)).toBe('agreement-unknown')
  })
})

describe('an agreement of another scope', () => {
  test('opens nothing here', async () => {
    const market = await openMarket({ handler: bytes(1000), scope: '/a' })
    const { secret, ledger } = market.wall.seller
    const wall = paywall({ node: market.nodes.seller, secret, ledger, price: '1 sat/KiB', scope: '/b' })
    const other = await serve(wall(bytes(1000)), { port: 0 })
    try {
      const raw = await new RawBuyer(market).agree([1000n])
      const authorization = formatCredential({ challenge: raw.challenge, payload: { action: 'use', ...raw.proof } })
      const response = await fetch(other.url, { headers: { authorization } })
      expect(response.status).toBe(402)
      expect(await codeOf(response)).toBe('agreement-elsewhere')
    } finally {
      await other.close(0)
      await wall.close()
    }
  })
})
