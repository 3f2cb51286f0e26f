import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { StreamError } from '../../src/errors/error.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { newestPlace } from '../../src/lightning/testing/place.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, paywall, type Wall, type WallOptions } from '../../src/seller/paywall.ts'
import { verifyStatement } from '../../src/wire/statement.ts'

export interface TradeNodes {
  readonly buyer: LightningNode
  readonly seller: LightningNode
  teardown(): Promise<void>
}

const MIB = 1 << 20
const encoder = new TextEncoder()

/** What a trade promises, on any two nodes with a channel: the same story on embedded nodes and on LND. */
export function tradeSuite(setup: () => Promise<TradeNodes>): void {
  let nodes: TradeNodes
  const open: Array<() => Promise<void>> = []
  beforeAll(async () => {
    nodes = await setup()
  })
  afterEach(async () => {
    for (const end of open.splice(0)) await end()
  })
  afterAll(() => nodes?.teardown())

  async function shop(
    handler: PaidHandler,
    options: WallOptions,
  ): Promise<{ url: string; wall: Wall; vanish(): Promise<void> }> {
    const wall = paywall({ node: nodes.seller, ...options })
    const server = await serve(wall(handler), { port: 0 })
    const vanish = () => server.close(0)
    open.push(async () => {
      await vanish()
      await wall.close()
    })
    return { url: server.url, wall, vanish }
  }

  /** Both losses, at their worst moment, are within what each side chose. */
  function expectBounds(buyer: ReturnType<typeof createBuyer>, wall: Wall): void {
    for (const trade of buyer.trades) {
      expect(trade.maxAhead).toBeLessThanOrEqual(trade.ahead)
      const account = wall.seller.accounts.inMemory.get(trade.agreement)
      expect(account?.gate.maxUnpaid).toBeLessThanOrEqual(trade.credit)
    }
  }

  it('delivers bytes whole, for exactly their price, and both books and both nodes agree', async () => {
    const settled: bigint[] = []
    const unsubscribe = nodes.seller.subscribeSettlements(
      await newestPlace(nodes.buyer, nodes.seller),
      ({ amount }) => settled.push(amount),
      () => {},
    )
    const { url, wall } = await shop(() => bytes(12 * MIB), { price: '1 sat/MiB', credit: '2 sat' })
    const buyer = createBuyer({ node: nodes.buyer, max: '100 sat', ahead: '4 sat' })
    const response = await buyer.fetch(url)
    const body = new Uint8Array(await response.arrayBuffer())
    expect(body.byteLength).toBe(12 * MIB)
    expect(body.every((byte, i) => byte === (i >> 16) % 251)).toBe(true)
    const [closing] = await buyer.close()
    const [trade] = buyer.trades
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement).toMatchObject({ steps: BigInt(12 * MIB), delivered: 12_000n, state: 'closed' })
    const { publicKey: payee, abilities } = await nodes.seller.info()
    if (abilities.sign) expect(() => verifyStatement(closing!.statement, payee)).not.toThrow()
    else expect(closing?.statement).toMatchObject({ payee, unsigned: true })
    expect(closing?.statement.signature === undefined).toBe(!abilities.sign)
    expect(closing?.statement.paid).toBe(trade?.paid)
    expect(settled.reduce((sum, amount) => sum + amount, 0n)).toBe(trade?.paid)
    expectBounds(buyer, wall)
    unsubscribe()
  })

  it('returns what was paid and not delivered', async () => {
    const { url, wall } = await shop(() => ticks(8, 50), { price: '20 sat/s', credit: '1 sat' })
    const buyer = createBuyer({ node: nodes.buyer, max: '200 sat', ahead: '20 sat' })
    await (await buyer.fetch(url)).text()
    const [closing] = await buyer.close()
    const [trade] = buyer.trades
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.returned).toBe('settled')
    expect(closing!.statement.paid - closing!.statement.delivered).toBe(closing!.amount)
    expect(trade?.returned).toBe(closing?.amount)
    expectBounds(buyer, wall)
  })

  it('costs a buyer that leaves no more than it received and its window', async () => {
    const { url, wall } = await shop(() => tokens(500), { price: '1 sat/token', credit: '5 sat' })
    const buyer = createBuyer({ node: nodes.buyer, max: '400 sat', ahead: '10 sat' })
    const reader = (await buyer.fetch(url)).body!.getReader()
    await reader.read()
    await reader.cancel()
    const [closing] = await buyer.close()
    const [trade] = buyer.trades
    expect(closing?.dispute).toBeUndefined()
    expect(trade!.paid).toBeLessThanOrEqual(trade!.received + trade!.ahead)
    expect(closing!.statement.delivered).toBeLessThanOrEqual(closing!.statement.paid + 5000n)
    expectBounds(buyer, wall)
  })

  it('tells the reader what was received and paid when the seller is gone, and risks no more than its window', async () => {
    const { url, wall, vanish } = await shop(() => ticks(200, 50), { price: '20 sat/s', credit: '1 sat' })
    const buyer = createBuyer({ node: nodes.buyer, max: '400 sat', ahead: '6 sat' })
    const reader = (await buyer.fetch(url)).body!.getReader()
    await reader.read()
    await vanish()
    const error = await readToEnd(reader).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StreamError)
    expect(error).toMatchObject({ code: 'stream-interrupted' })
    const { details } = error as StreamError
    expect(BigInt(details.paid!) - BigInt(details.received!)).toBeLessThanOrEqual(6000n)
    expectBounds(buyer, wall)
  })

  it('serves many requests at once on one agreement, each charged once', async () => {
    const { url, wall } = await shop(() => new Response('hello'), { price: '2 sat/request' })
    const buyer = createBuyer({ node: nodes.buyer, max: '200 sat', ahead: '10 sat' })
    const answers = await Promise.all(Array.from({ length: 12 }, async () => (await buyer.fetch(url)).text()))
    expect(answers).toEqual(Array(12).fill('hello'))
    const [closing] = await buyer.close()
    expect(buyer.trades).toHaveLength(1)
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement).toMatchObject({ steps: 12n, delivered: 24_000n })
    expectBounds(buyer, wall)
  })
}

async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done) {
    // only the end is of interest
  }
}

const pulled = (pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>) =>
  new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 })

function bytes(total: number): Response {
  let at = 0
  const body = pulled((controller) => {
    if (at >= total) return controller.close()
    controller.enqueue(new Uint8Array(65_536).fill((at >> 16) % 251))
    at += 65_536
  })
  return new Response(body, { headers: { 'content-length': `${total}` } })
}

function ticks(count: number, everyMs: number): Response {
  let left = count
  const body = pulled(async (controller) => {
    if (left-- <= 0) return controller.close()
    await new Promise((resolve) => setTimeout(resolve, everyMs))
    controller.enqueue(encoder.encode('tick\n'))
  })
  return new Response(body, { headers: { 'content-type': 'text/plain' } })
}

function tokens(count: number): Response {
  let sent = 0
  const body = pulled((controller) => {
    if (sent === count) return controller.close()
    controller.enqueue(encoder.encode(`data: {"choices":[{"delta":{"content":"w${sent++}"}}]}\n\n`))
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
