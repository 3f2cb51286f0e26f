import { describe, expect, test } from 'vitest'
import { streamChallenge } from '../../src/buyer/trade/control.ts'
import { openLedger } from '../../src/ledger/index.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { sat } from '../../src/money/msat.ts'
import { parsePrice } from '../../src/money/price.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { paywall } from '../../src/seller/paywall.ts'
import { floor } from '../../src/terms/reserve.ts'
import { bidFromTo } from '../../src/terms/strategy.ts'
import { challengeId } from '../../src/wire/challenge.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { bytes, type Market, openMarket, readAll, rejection, sleep } from './market.ts'
import { codeOf, NONCE, RawBuyer } from './wire.ts'

/** Counts every call that writes. */
function spied(): { ledger: Ledger; calls: string[] } {
  const calls: string[] = []
  const ledger = new Proxy(openLedger(':memory:'), {
    get: (target, name) => {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        calls.push(String(name))
        return member.apply(target, values)
      }
    },
  })
  return { ledger, calls }
}

/** As a node across a network: what comes at the same moment overlaps. */
function slowInvoices({ nodes: { seller } }: Market): void {
  const create = seller.createInvoices.bind(seller)
  seller.createInvoices = async (requests) => {
    await sleep(30)
    return create(requests)
  }
}

describe('a 402', () => {
  test('makes no invoice, no write and no call to the node, however many ask', async () => {
    const { ledger, calls } = spied()
    const market = await openMarket({ handler: bytes(1000), ledger })
    const raw = new RawBuyer(market)
    await raw.ask()
    calls.length = 0
    const before = market.nodes.seller.calls
    const ids = new Set<string>()
    for (let i = 0; i < 50; i++) ids.add((await raw.ask()).id)
    for (const authorization of ['Bearer x', 'Basic eDp5']) {
      expect((await fetch(market.url, { headers: { authorization } })).status).toBe(402)
    }
    expect(calls).toEqual([])
    expect(market.nodes.seller.calls).toBe(before)
    expect(market.accounts.size).toBe(0)
  })

  test('says what it is to people, and is not cached', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const response = await fetch(market.url)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'payment-required', status: 402 })
  })

  test('a buyer only asks for the price: nothing is agreed', async () => {
    const market = await openMarket({ handler: bytes(1000), price: '3 sat/KiB' })
    const buyer = market.buyer()
    expect((await buyer.price(market.url))?.price).toEqual(parsePrice('3 sat/KiB'))
    expect(market.accounts.size).toBe(0)
    expect(market.nodes.buyer.calls).toBe(0)
  })
})

describe('an acceptance', () => {
  test('repeated with the same nonce yields the same agreement, and another nonce another', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(market).agree([1000n])
    const accept = { action: 'accept', nonce: NONCE, invoices: [sat(1)] } as const
    const again = await (await raw.send(accept)).json()
    expect(again).toMatchObject({ agreement: raw.deal.agreement.id, secret: raw.deal.secret })
    const other = await (await raw.send({ ...accept, nonce: NONCE.replace('0', '1') })).json()
    expect((other as { agreement: string }).agreement).not.toBe(raw.deal.agreement.id)
    expect(market.accounts.size).toBe(2)
  })

  test('repeated at the same moment yields one agreement with one gate', async () => {
    const market = await openMarket({ handler: () => new Response('x'), price: '1 sat/request', credit: '1 sat' })
    slowInvoices(market)
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const accept = { action: 'accept', nonce: NONCE, invoices: [sat(1)] } as const
    const deals = await Promise.all(Array.from({ length: 8 }, async () => (await raw.send(accept)).json()))
    expect(new Set(deals.map((deal) => (deal as { agreement: string }).agreement)).size).toBe(1)
    expect(market.accounts.size).toBe(1)
    expect(market.wall.seller.accounts.inMemory.size).toBe(1)
  })

  test.each([
    ['realm', { realm: 'elsewhere' }],
    ['id', { id: 'AAAA' }],
    ['expires', { expires: '2099-01-01T00:00:00.000Z' }],
    ['opaque', { opaque: 'x' }],
  ])('of a challenge whose %s was altered is refused', async (_, change) => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = new RawBuyer(market)
    raw.challenge = { ...(await raw.ask()), ...change }
    const response = await raw.send({ action: 'accept', nonce: NONCE, invoices: [] })
    expect(response.status).toBe(402)
    expect(await codeOf(response)).toBe('challenge-invalid')
    expect(response.headers.get('www-authenticate')).toContain('intent="stream"')
    expect(market.accounts.size).toBe(0)
  })

  test('of an offer with a better price, signed by somebody else, is refused', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = new RawBuyer(market)
    const challenge = await raw.ask()
    const forged = { ...challenge, request: encodeJson({ amount: '1' }) }
    raw.challenge = { ...forged, id: challengeId(new Uint8Array(32), forged) }
    expect(await codeOf(await raw.send({ action: 'accept', nonce: NONCE, invoices: [] }))).toBe('challenge-invalid')
  })

  test('of an offer that has expired is refused, with a fresh one', async () => {
    const market = await openMarket({ handler: bytes(1000), offerLifeMs: -5000 })
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const response = await raw.send({ action: 'accept', nonce: NONCE, invoices: [] })
    expect(await codeOf(response)).toBe('offer-expired')
    expect(await rejection(market.buyer().fetch(market.url))).toMatchObject({ code: 'offer-expired' })
  })

  test('of another scope’s challenge is refused', async () => {
    const market = await openMarket({ handler: bytes(1000), scope: '/a' })
    const wall = paywall({
      node: market.nodes.seller,
      secret: market.wall.seller.secret,
      price: '1 sat/KiB',
      scope: '/b',
    })
    const other = await serve(wall(bytes(1000)), { port: 0 })
    try {
      const raw = new RawBuyer(market)
      const refused = await fetch(other.url)
      raw.challenge = streamChallenge(refused)!
      expect(await codeOf(await raw.send({ action: 'accept', nonce: NONCE, invoices: [] }))).toBe('agreement-elsewhere')
    } finally {
      await other.close(0)
      await wall.close()
    }
  })

  test('below the smallest payment is refused', async () => {
    const market = await openMarket({ handler: bytes(1000), smallestPayment: '5 sat' })
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const response = await raw.send({ action: 'accept', nonce: NONCE, invoices: [sat(4)] })
    expect(await codeOf(response)).toBe('terms-refused')
    expect(market.nodes.seller.calls).toBe(0)
  })

  test('when too many wait for their first payment: 429 with Retry-After, until somebody pays', async () => {
    const market = await openMarket({ handler: bytes(1000), maxUnpaidAgreements: 3 })
    const buyers: RawBuyer[] = []
    for (let i = 0; i < 3; i++) buyers.push(await new RawBuyer(market).agree([1000n], `${i}`.repeat(32)))
    const late = new RawBuyer(market)
    late.challenge = await late.ask()
    const accept = { action: 'accept', nonce: NONCE, invoices: [] } as const
    const response = await late.send(accept)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await codeOf(response)).toBe('too-many-agreements')
    buyers[0]!.pay(...buyers[0]!.deal.invoices)
    expect((await late.send(accept)).status).toBe(200)
  })

  test('too many at the same moment: no more than allowed', async () => {
    const market = await openMarket({ handler: bytes(1000), maxUnpaidAgreements: 3 })
    slowInvoices(market)
    const raw = new RawBuyer(market)
    raw.challenge = await raw.ask()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        raw.send({ action: 'accept', nonce: i.toString(16).repeat(32), invoices: [sat(1)] }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200).length).toBe(3)
    expect((await market.wall.seller.ledger.countOpen()).unpaid).toBe(3)
  })

  test('too many open invoices on one agreement: refused until some are paid', async () => {
    const market = await openMarket({ handler: bytes(1000) })
    const raw = await new RawBuyer(market).agree()
    const batch = Array.from({ length: 16 }, () => sat(1))
    const refused = async () => {
      const response = await raw.send({ action: 'invoices', ...raw.proof, amounts: [sat(1)] })
      expect(response.status).toBe(429)
      expect(await codeOf(response)).toBe('too-many-invoices')
    }
    // A stranger gets a batch; who has paid gets four.
    const first = await raw.invoices(batch)
    await refused()
    raw.pay(...first)
    for (let i = 0; i < 4; i++) expect(await raw.invoices(batch)).toHaveLength(16)
    await refused()
  })
})

describe('haggling', () => {
  test('a bid within the seller’s policy is agreed on, and charged', async () => {
    const market = await openMarket({
      price: '10 sat/request',
      handler: () => new Response('ok'),
      policy: floor(parsePrice('6 sat/request')),
    })
    const strategy = bidFromTo(parsePrice('4 sat/request'), parsePrice('9 sat/request'), 4)
    const buyer = market.buyer({ strategy, ahead: '20 sat' })
    expect(await (await buyer.fetch(market.url)).text()).toBe('ok')
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.delivered).toBeGreaterThanOrEqual(6000n)
    expect(closing?.statement.delivered).toBeLessThanOrEqual(9000n)
  })

  test('without an agreement in the allowed rounds: nothing is paid', async () => {
    const market = await openMarket({
      price: '10 sat/request',
      handler: () => new Response('ok'),
      policy: floor(parsePrice('8 sat/request')),
    })
    const strategy = bidFromTo(parsePrice('1 sat/request'), parsePrice('2 sat/request'), 3)
    const error = await rejection(market.buyer({ strategy }).fetch(market.url))
    expect(['rounds-exhausted', 'price-too-high', 'terms-refused']).toContain(error.code)
    expect(market.accounts.size).toBe(0)
  })

  test('a price above the limit, or in another unit, is refused before anything is agreed', async () => {
    const market = await openMarket({ price: '10 sat/request', handler: () => new Response('ok') })
    const high = market.buyer({ maxPrice: '9 sat/request' })
    expect(await rejection(high.fetch(market.url))).toMatchObject({ code: 'price-too-high' })
    const other = market.buyer({ maxPrice: '1 sat/MiB' })
    expect(await rejection(other.fetch(market.url))).toMatchObject({ code: 'unit-mismatch' })
    expect(market.accounts.size).toBe(0)
    expect(await readAll(await market.buyer({ maxPrice: '10 sat/request' }).fetch(market.url))).toBe(2)
  })
})
