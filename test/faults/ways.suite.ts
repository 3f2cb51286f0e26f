import { afterEach, beforeAll, expect, test } from 'vitest'
import type { BuyerOptions } from '../../src/buyer/buyer.ts'
import { CODES } from '../../src/errors/codes.ts'
import type { PaidHandler, WallOptions } from '../../src/seller/paywall.ts'
import { BufferingProxy } from './buffering.ts'
import { KIB, type Nodes, readPlaced, rejection, Shop, sellBytes, sleep } from './shop.ts'
import { type Way, Wire } from './wire.ts'

const WALL: WallOptions = { price: '1 sat/KiB', credit: '2 sat' }
const NEVER = Number.POSITIVE_INFINITY

interface Closable {
  close(): Promise<void>
}

/** What the way between buyer and seller does to a trade, on any two nodes. */
export function waysSuite(setup: () => Promise<Nodes>, ways: readonly Way[]): void {
  let nodes: Nodes
  const open: Closable[] = []
  beforeAll(async () => {
    nodes = await setup()
  })
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })
  const keep = <T extends Closable>(one: T): T => {
    open.push(one)
    return one
  }
  const openShop = async (handler: PaidHandler, options: Partial<BuyerOptions> = {}, wall: Partial<WallOptions> = {}) =>
    keep(await Shop.open(nodes, handler, { ...WALL, ...wall }, { ahead: '8 sat', ...options }))

  test.each(ways)('a way of %o: the stream is whole and the money adds up', async (way) => {
    const total = (way.latencyMs ?? 0) > 1000 ? 12 * KIB : 60 * KIB
    const shop = await openShop(sellBytes(total))
    const wire = keep(await Wire.to(shop.url, way))
    expect(await readPlaced(await shop.buyer.fetch(wire.url))).toBe(total)
    await shop.settleUp(total)
  })

  /** Reads 10 KiB, lets a further `lost` leave into a way that stands still, and cuts it. */
  const loseInMidStream = async (lost: number, ahead: string, credit: string) => {
    const more = Promise.withResolvers<void>()
    let left = 10 * KIB + lost
    // Just so much leaves of the first request.
    const handler = sellBytes(20 * KIB, KIB, (sent) => {
      if (sent === 10 * KIB) return more.promise
      return sent === left ? new Promise(() => {}) : undefined
    })
    const shop = await openShop(handler, { ahead }, { credit })
    const wire = keep(await Wire.to(shop.url))
    const reader = (await shop.buyer.fetch(wire.url)).body!.getReader()
    for (let bytes = 0; bytes < 10 * KIB; ) bytes += (await reader.read()).value!.length
    await expect.poll(() => shop.buyer.trades[0]!.paid, { timeout: 10_000 }).toBeGreaterThanOrEqual(11_000n)
    wire.stall()
    more.resolve()
    await expect.poll(() => shop.left, { timeout: 10_000 }).toBe(10 * KIB + lost)
    left = -1
    wire.cut()
    const error = await rejection(readRest(reader))
    const [trade] = shop.buyer.trades
    expect(error).toMatchObject({ code: 'stream-interrupted', details: { agreement: trade!.agreement } })
    expect(BigInt(error.details!.paid!) - BigInt(error.details!.received!)).toBeLessThanOrEqual(trade!.ahead)
    return { shop, wire }
  }

  test('it is cut in mid-stream and some is lost: a second request on the agreement is whole', async () => {
    const { shop, wire } = await loseInMidStream(2 * KIB, '40 sat', '2 sat')
    expect(await readPlaced(await shop.buyer.fetch(wire.url))).toBe(20 * KIB)
    await shop.settleUp(undefined)
  })

  test('it is cut in mid-stream and the whole window is lost: it is closed, and a new agreement made', async () => {
    const { shop, wire } = await loseInMidStream(KIB, '1 sat', '0 sat')
    expect(await readPlaced(await shop.buyer.fetch(wire.url))).toBe(20 * KIB)
    await shop.settleUp(undefined, 2)
  })

  test('it is cut before the answer has a head: what had left is no lie of the seller’s', async () => {
    const shop = await openShop(sellBytes(60 * KIB))
    const wire = keep(await Wire.to(shop.url, { latencyMs: 150 }))
    const answer = shop.buyer.fetch(wire.url)
    answer.catch(() => {})
    await expect.poll(() => shop.left, { timeout: 20_000 }).toBeGreaterThan(0)
    wire.cut()
    expect(await rejection(answer)).toMatchObject({ code: 'seller-unreachable' })
    expect(shop.buyer.trades[0]?.steps).toBe(0n)
    await shop.settleUp(undefined)
  })

  test('nothing moves for a while: the stream waits, and goes on', async () => {
    const shop = await openShop(sellBytes(60 * KIB))
    const wire = keep(await Wire.to(shop.url, { bytesPerSecond: 64 * KIB }))
    const seen = { bytes: 0 }
    const reading = readPlaced(await shop.buyer.fetch(wire.url), seen)
    await expect.poll(() => seen.bytes).toBeGreaterThan(10 * KIB)
    wire.stall()
    await sleep(2500)
    const stoodAt = seen.bytes
    await sleep(300)
    expect(seen.bytes).toBe(stoodAt)
    wire.resume()
    expect(await reading).toBe(60 * KIB)
    await shop.settleUp(60 * KIB)
  })

  test('half open: the connections swallow everything, the reader is told, and the agreement closes over a new one', async () => {
    const shop = await openShop(sellBytes(60 * KIB), { stallMs: 1500 })
    const wire = keep(await Wire.to(shop.url, { bytesPerSecond: 32 * KIB }))
    const reader = (await shop.buyer.fetch(wire.url)).body!.getReader()
    for (let bytes = 0; bytes < 10 * KIB; ) bytes += (await reader.read()).value!.length
    wire.swallow()
    const error = await rejection(readRest(reader))
    expect(['stream-stalled', 'response-buffered']).toContain(error.code)
    expect(BigInt(error.details!.paid!) - BigInt(error.details!.received!)).toBeLessThanOrEqual(8000n)
    // The first try may go over a connection that was idle when it died, and takes as long as an attempt may.
    await shop.settleUp(undefined)
  }, 80_000)

  test('a proxy collects the whole answer, more than the windows carry: the reader is told what is wrong', async () => {
    const shop = await openShop(sellBytes(60 * KIB), { stallMs: 20_000 })
    const proxy = keep(await BufferingProxy.to(shop.url, { bytes: NEVER, heeds: false, except: 'text/event-stream' }))
    const error = await rejection(shop.buyer.fetch(proxy.url).then((response) => readPlaced(response)))
    expect(error).toMatchObject({ code: 'response-buffered', details: { received: '0', stated: `${10 * KIB}` } })
    await shop.settleUp(undefined)
  })

  test('a proxy collects everything, statements too: the reader is told that it hears nothing', async () => {
    const shop = await openShop(sellBytes(60 * KIB), { stallMs: 2000 })
    const proxy = keep(await BufferingProxy.to(shop.url, { bytes: NEVER, heeds: false }))
    const error = await rejection(shop.buyer.fetch(proxy.url).then((response) => readPlaced(response)))
    expect(error).toMatchObject({ code: 'stream-stalled' })
    expect(error.message).toContain('statements')
    expect(CODES['stream-stalled'].hint).toMatch(/prox/)
    await shop.settleUp(undefined)
  })

  test('a proxy collects less than the windows carry, or heeds what the seller says of it: the stream flows', async () => {
    for (const options of [
      { bytes: 4 * KIB, heeds: false, except: 'text/event-stream' },
      { bytes: NEVER, heeds: true },
    ]) {
      const shop = await openShop(sellBytes(60 * KIB))
      const proxy = keep(await BufferingProxy.to(shop.url, options))
      expect(await readPlaced(await shop.buyer.fetch(proxy.url))).toBe(60 * KIB)
      await shop.settleUp(60 * KIB)
    }
  })

  test('many requests on kept connections, which are cut now and then: each answer that came was paid for once', async () => {
    const shop = await openShop(() => new Response('hello'), {}, { price: '1 sat/request', credit: '0 sat' })
    const wire = keep(await Wire.to(shop.url, { latencyMs: 2, jitterMs: 4 }))
    const carried = new Map<unknown, number>()
    shop.server.server.on('request', ({ socket }) => carried.set(socket, (carried.get(socket) ?? 0) + 1))
    let answered = 0
    let broken = 0
    for (let i = 0; i < 40; i++) {
      const cutting = i % 10 === 7 ? sleep(5).then(() => wire.cut()) : undefined
      const text = await shop.buyer.fetch(wire.url).then(
        (response) => response.text(),
        () => undefined,
      )
      if (text === 'hello') answered++
      else broken++
      await cutting
    }
    expect(answered).toBeGreaterThanOrEqual(30)
    expect(Math.max(...carried.values()), 'requests on one connection').toBeGreaterThanOrEqual(5)
    const steps = (await shop.settleUp(undefined)).reduce((sum, { statement }) => sum + statement.steps, 0n)
    expect(steps).toBeGreaterThanOrEqual(BigInt(answered))
    expect(steps).toBeLessThanOrEqual(BigInt(answered + broken))
  })
}

async function readRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done) {
    // only the end is of interest
  }
}
