import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/ledger/index.ts'
import type { LimitUse } from '../../src/ledger/limits.ts'
import { sat } from '../../src/money/msat.ts'
import { bytes, openMarket, readAll, rejection, Source } from './market.ts'

const KIB = 1024

describe('limits of a buyer', () => {
  test.each(['agreement', 'host', 'day', 'total'] as const)(
    'on %s: the reader is told which one, and not a msat more is spent',
    async (limit) => {
      const market = await openMarket({ handler: bytes(50 * KIB), graceMs: 20_000 })
      const buyer = market.buyer({ limits: { [limit]: '12 sat' } })
      const error = await rejection(buyer.fetch(market.url).then(readAll))
      expect(error).toMatchObject({ code: 'budget-exhausted', details: { limit, max: '12000' } })
      expect(market.settled).toBeLessThanOrEqual(12_000n)
      expect(market.settled, 'what is left is used, in smaller payments').toBeGreaterThan(10_000n)
      expect(buyer.trades[0]!.inFlight).toBe(0n)
    },
  )

  test('on routing: its caps are held against it', async () => {
    const market = await openMarket({ handler: bytes(50 * KIB), graceMs: 20_000 })
    const buyer = market.buyer({ limits: { fees: '200 msat' }, maxFeePercent: 5 })
    market.script = () => undefined
    // Routing is free here: the caps come back, and the whole is bought.
    expect(await readAll(await buyer.fetch(market.url))).toBe(50 * KIB)
    const strict = market.buyer({ limits: { fees: '1 msat' }, maxFeePercent: 5 })
    expect(await rejection(strict.fetch(market.url).then(readAll))).toMatchObject({ details: { limit: 'fees' } })
  })

  test('a wallet that takes more than its cap is charged with all of it, and ends the budget sooner', async () => {
    const market = await openMarket({ handler: bytes(50 * KIB), graceMs: 1_000 })
    // As a wallet behind NWC may: the payment settles, and routing was 2 sat whatever was allowed.
    const node = market.nodes.buyer
    const pay = node.pay.bind(node)
    node.pay = async (payment) => {
      const outcome = await pay(payment)
      return outcome.status === 'settled' ? { ...outcome, fee: sat(2) } : outcome
    }
    const buyer = market.buyer({ max: '20 sat', ahead: '4 sat', maxFeePercent: 3 })
    expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ code: 'budget-exhausted' })
    const [trade] = buyer.trades
    expect(trade!.fees).toBe(sat(2) * BigInt(trade!.payments))
    // What was in flight when it showed may pass the budget, and nothing after that.
    expect(trade!.paid + trade!.fees).toBeLessThanOrEqual(sat(20) + sat(2) * 4n)
    expect(buyer.spent).toBe(trade!.paid + trade!.fees)
  })

  test('kept in the journal hold for every buyer that shares it, one after the other', async () => {
    const journal = openJournal(':memory:')
    await journal.setLimit('total', sat(25))
    const market = await openMarket({ handler: bytes(20 * KIB), graceMs: 20_000 })
    const first = market.buyer({ journal })
    expect(await readAll(await first.fetch(market.url))).toBe(20 * KIB)
    await first.close()
    const second = market.buyer({ journal })
    expect(await rejection(second.fetch(market.url).then(readAll))).toMatchObject({
      code: 'budget-exhausted',
      details: { limit: 'total', max: '25000' },
    })
    expect(market.settled).toBeLessThanOrEqual(25_000n)
  })

  test('warn once when four fifths are used', async () => {
    const near: LimitUse[] = []
    const market = await openMarket({ handler: bytes(45 * KIB) })
    const buyer = market.buyer({ limits: { day: '50 sat' }, onLimitNear: (use) => near.push(use), maxFeePercent: 0 })
    expect(await readAll(await buyer.fetch(market.url))).toBe(45 * KIB)
    expect(near).toMatchObject([{ limit: 'day', max: sat(50) }])
    expect(near[0]!.spent).toBeGreaterThanOrEqual(sat(40))
  })
})

describe('a limit on a request', () => {
  test('ends the one that would cost more, and pays nothing beyond it', async () => {
    const market = await openMarket({ handler: () => new Response(new Source(300 * KIB).body), graceMs: 20_000 })
    const buyer = market.buyer({ limits: { request: '15 sat' } })
    const error = await rejection(buyer.fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'budget-exhausted', details: { limit: 'request', max: '15000' } })
    expect(market.settled).toBeLessThanOrEqual(15_000n)
    expect(buyer.trades[0]!.received).toBeGreaterThan(10_000n)
  })

  test('is for each request by itself: one that fits goes on after one that did not', async () => {
    const market = await openMarket({
      handler: (request) =>
        new Response(new Source(new URL(request.url).pathname === '/big' ? 100 * KIB : 5 * KIB).body),
      graceMs: 20_000,
    })
    const buyer = market.buyer({ limits: { request: '8 sat' } })
    for (let i = 0; i < 3; i++) expect(await readAll(await buyer.fetch(`${market.url}/small`))).toBe(5 * KIB)
    expect(await rejection(buyer.fetch(`${market.url}/big`).then(readAll))).toMatchObject({
      details: { limit: 'request' },
    })
    expect(await readAll(await buyer.fetch(`${market.url}/small`))).toBe(5 * KIB)
  })

  test('holds where only the seller counts', async () => {
    const market = await openMarket({
      price: '1 sat/image',
      handler: (_, meter) =>
        new Response(
          new ReadableStream<Uint8Array>(
            {
              async pull(controller) {
                await meter.add(1)
                controller.enqueue(new Uint8Array(10))
              },
            },
            { highWaterMark: 0 },
          ),
        ),
      graceMs: 20_000,
    })
    const buyer = market.buyer({ limits: { request: '6 sat' } })
    expect(await rejection(buyer.fetch(market.url).then(readAll))).toMatchObject({ code: 'budget-exhausted' })
    expect(market.settled).toBeLessThanOrEqual(6000n)
  })

  test('below the price of one request buys nothing', async () => {
    const market = await openMarket({ price: '5 sat/request', handler: () => new Response('x'), graceMs: 20_000 })
    const buyer = market.buyer({ limits: { request: '4 sat' } })
    expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'budget-exhausted' })
    expect(market.settled).toBe(0n)
  })
})
