import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { type Http2Client, http2Client } from '../../src/seller/adapters/testing/http2Fetch.ts'
import type { PaidHandler, WallOptions } from '../../src/seller/paywall.ts'
import { KIB, readPlaced, rejection, Shop, sellBytes, sleep } from './shop.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../cli/fixtures/loopback.${name}.pem`, import.meta.url), 'utf8')
const cert = fixture('cert')
const key = fixture('key')

describe('a trade over HTTP/2, on embedded nodes', () => {
  let pair: EmbeddedPair
  let shop: Shop | undefined
  let clients: Http2Client[] = []
  beforeAll(async () => {
    pair = await embeddedPair()
  })
  afterEach(async () => {
    await shop?.close()
    for (const { session } of clients.splice(0)) session.destroy()
  })
  afterAll(() => pair?.close())

  const open = async (handler: PaidHandler, options: WallOptions) => {
    clients = []
    // A client that lost its connection makes another, as all do.
    const fetch = (input: string | URL | Request, init?: RequestInit) => {
      const known = clients.at(-1)
      const client = known && !known.session.destroyed ? known : http2Client(url(), cert)
      if (client !== known) clients.push(client)
      return client.fetch(input, init)
    }
    const url = () => shop!.url.replace('127.0.0.1', 'localhost')
    shop = await Shop.open(pair, handler, options, { ahead: '8 sat', fetch }, { cert, key })
    return { shop, url: url() }
  }

  it('carries data, statements and control actions on one connection; all is whole and adds up', async () => {
    const { shop, url } = await open(sellBytes(200 * KIB), { price: '1 sat/KiB', credit: '2 sat' })
    expect(await readPlaced(await shop.buyer.fetch(url))).toBe(200 * KIB)
    await shop.settleUp(200 * KIB)
    expect(clients).toHaveLength(1)
    expect(clients[0]!.streams.length).toBeGreaterThan(4)
  })

  it('a reader that pauses pauses delivery and payments, and then both go on', async () => {
    // More than the stream's window and all buffers hold.
    const total = 2048 * KIB
    const { shop, url } = await open(sellBytes(total, 16 * KIB), { price: '1 sat/16KiB', credit: '2 sat' })
    const reader = (await shop.buyer.fetch(url)).body!.getReader()
    let bytes = (await reader.read()).value!.length
    await sleep(2000)
    const [trade] = shop.buyer.trades
    expect(trade!.paid + trade!.inFlight - trade!.received).toBeLessThanOrEqual(8000n)
    expect(shop.left).toBeLessThan(total / 2)
    for (let read = await reader.read(); !read.done; read = await reader.read()) bytes += read.value.length
    expect(bytes).toBe(total)
    await shop.settleUp(total)
  })

  it('a stream that is reset in the middle costs no more than the windows, and the agreement goes on', async () => {
    const { shop, url } = await open(sellBytes(60 * KIB), { price: '1 sat/KiB', credit: '2 sat' })
    const reader = (await shop.buyer.fetch(url)).body!.getReader()
    for (let bytes = 0; bytes < 10 * KIB; ) bytes += (await reader.read()).value!.length
    await reader.cancel()
    const [trade] = shop.buyer.trades
    expect(trade!.paid + trade!.inFlight - trade!.received).toBeLessThanOrEqual(8000n)
    await shop.settleUp(undefined)
  })

  it('the connection breaks: the reader is told, and the agreement closes over another', async () => {
    const { shop, url } = await open(sellBytes(60 * KIB), { price: '1 sat/KiB', credit: '2 sat' })
    const reader = (await shop.buyer.fetch(url)).body!.getReader()
    for (let bytes = 0; bytes < 10 * KIB; ) bytes += (await reader.read()).value!.length
    clients[0]!.session.destroy()
    const error = await rejection(
      (async () => {
        while (!(await reader.read()).done) {
          // only the end is of interest
        }
      })(),
    )
    expect(error).toMatchObject({ code: 'stream-interrupted' })
    await shop.settleUp(undefined)
    expect(clients).toHaveLength(2)
  })

  it('serves many requests at once on one connection, each charged once', async () => {
    const { shop, url } = await open(() => new Response('hello'), { price: '1 sat/request' })
    const answers = await Promise.all(Array.from({ length: 30 }, async () => (await shop.buyer.fetch(url)).text()))
    expect(answers).toEqual(Array(30).fill('hello'))
    const [closing] = await shop.settleUp(30)
    expect(closing!.statement.delivered).toBe(30_000n)
    expect(clients).toHaveLength(1)
  })
})
