import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { serve } from '../../src/seller/adapters/node.ts'
import { proxyTo } from '../../src/seller/sources/upstream.ts'
import { openMarket, readAll, rejection, Source, until } from './market.ts'
import { RawBuyer } from './wire.ts'

const KIB = 1024
const cleanUp: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const end of cleanUp.splice(0)) await end()
})

async function behind(handler: (request: Request) => Response | Promise<Response>): Promise<string> {
  const server = await serve(handler, { port: 0 })
  cleanUp.push(() => server.close(0))
  return server.url
}

/** A server below HTTP's good manners. */
async function rude(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a seller in front of another service', () => {
  test('passes on path, query, method and body, and never the credential', async () => {
    const seen: Array<{ url: string; method: string; authorization: string | null; body: string }> = []
    const url = await behind(async (request) => {
      const { method, headers } = request
      seen.push({ url: request.url, method, authorization: headers.get('authorization'), body: await request.text() })
      return new Response('answer')
    })
    const market = await openMarket({ price: '1 sat/request', handler: proxyTo(url) })
    const buyer = market.buyer()
    const response = await buyer.fetch(`${market.url}/v1/chat?x=1`, { method: 'POST', body: 'question' })
    expect(await response.text()).toBe('answer')
    expect(seen).toEqual([{ url: `${url}/v1/chat?x=1`, method: 'POST', authorization: null, body: 'question' }])
  })

  test('that is not there: 502, nothing charged, and its address is not told as an internal error', async () => {
    const market = await openMarket({ price: '1 sat/request', handler: proxyTo('http://127.0.0.1:9') })
    const buyer = market.buyer()
    const response = await buyer.fetch(market.url)
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ code: 'upstream-failed' })
    expect(market.account.gate.deliveredSteps).toBe(0n)
  })

  test('that answers with an error: passed on, nothing charged', async () => {
    const url = await behind(() => new Response('overloaded', { status: 503 }))
    const market = await openMarket({ price: '1 sat/request', handler: proxyTo(url) })
    const response = await market.buyer().fetch(market.url)
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('overloaded')
    expect(market.account.gate.deliveredSteps).toBe(0n)
  })

  test('that breaks off: what came is charged, the reader is told, and the agreement goes on', async () => {
    let broken = true
    const url = await rude((_request, response) => {
      response.writeHead(200, { 'content-length': `${20 * KIB}` })
      response.write(Buffer.alloc(5 * KIB))
      if (broken) setTimeout(() => response.destroy(), 50)
      else response.end(Buffer.alloc(15 * KIB))
    })
    const market = await openMarket({ handler: proxyTo(url) })
    const buyer = market.buyer()
    let received = 0
    const error = await rejection(
      (async () => {
        for await (const chunk of (await buyer.fetch(market.url)).body!) received += chunk.length
      })(),
    )
    expect(error).toMatchObject({ code: 'stream-interrupted' })
    expect(received).toBeLessThanOrEqual(5 * KIB)
    expect(market.account.gate.deliveredSteps).toBe(BigInt(5 * KIB))
    broken = false
    expect(await readAll(await buyer.fetch(market.url))).toBe(20 * KIB)
    const [closing] = await buyer.close()
    expect(closing?.dispute).toBeUndefined()
    expect(closing?.statement.steps).toBe(BigInt(25 * KIB))
  })

  test('that stalls: the buyer stops paying and gives up, out by no more than its window', async () => {
    const url = await rude((_request, response) => {
      response.writeHead(200)
      response.write(Buffer.alloc(3 * KIB))
    })
    const market = await openMarket({ handler: proxyTo(url) })
    const buyer = market.buyer({ stallMs: 3000, ahead: '6 sat' })
    const error = await rejection(buyer.fetch(market.url).then(readAll))
    expect(error).toMatchObject({ code: 'stream-stalled', details: { received: '3000' } })
    const { paid, inFlight } = buyer.trades[0]!
    expect(paid + inFlight).toBeLessThanOrEqual(9000n)
    await until(() => market.account.activeDeliveries === 0, 'the seller lets go of it')
  })

  test('is held while nobody pays, and let go after the grace period', async () => {
    const source = new Source(500_000 * KIB, 16 * KIB)
    const url = await behind(() => new Response(source.body))
    const market = await openMarket({ graceMs: 200, handler: proxyTo(url) })
    const raw = await new RawBuyer(market).agree([2000n])
    raw.pay(...raw.deal.invoices)
    await rejection(readAll(await raw.use()))
    await until(() => source.cancelled !== undefined, 'the upstream is let go')
    expect(source.sent).toBeLessThan(500_000 * KIB)
    expect(market.account.gate.deliveredSteps).toBe(BigInt(2 * KIB))
  })

  test('is let go when the buyer leaves', async () => {
    const source = new Source(500_000 * KIB, 16 * KIB)
    const url = await behind(() => new Response(source.body))
    const market = await openMarket({ credit: '100 sat', handler: proxyTo(url) })
    const raw = await new RawBuyer(market).agree()
    const leaving = new AbortController()
    const response = await raw.use({ signal: leaving.signal })
    await response.body!.getReader().read()
    leaving.abort()
    await until(() => source.cancelled !== undefined, 'the upstream is let go')
    expect(market.account.gate.delivered).toBeLessThanOrEqual(100_000n)
  })
})
