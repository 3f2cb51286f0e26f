import { afterEach, expect, test } from 'vitest'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { bytes, openMarket, readAll, rejection } from './market.ts'

const SIZE = 20_000
const fronts: RunningServer[] = []
afterEach(async () => void (await Promise.all(fronts.splice(0).map((front) => front.close(0)))))

/** A server that sends everyone elsewhere, and notes the credentials it was sent. */
async function front(location: string): Promise<{ url: string; credentials: Array<string | null> }> {
  const credentials: Array<string | null> = []
  const server = await serve(
    (request) => {
      credentials.push(request.headers.get('authorization'))
      return new Response(null, { status: 307, headers: { location } })
    },
    { port: 0 },
  )
  fronts.push(server)
  return { url: server.url, credentials }
}

test('what moved within its origin is paid for where it is', async () => {
  const asked: string[] = []
  const market = await openMarket({
    handler: bytes(SIZE),
    tamper: (inner) => (request) => {
      const { pathname } = new URL(request.url)
      asked.push(pathname)
      return pathname === '/old' ? new Response(null, { status: 302, headers: { location: '/new' } }) : inner(request)
    },
  })
  const buyer = market.buyer()
  expect(await readAll(await buyer.fetch(`${market.url}/old`))).toBe(SIZE)
  // The credential goes to the new address alone, and nothing but the first request to the old one.
  expect(asked.filter((path) => path === '/old')).toHaveLength(1)
  const [closing] = await buyer.close()
  expect(closing!.statement.steps).toBe(BigInt(SIZE))
})

test('a seller that sends the buyer elsewhere is not followed, and nothing is paid', async () => {
  const market = await openMarket({ handler: bytes(SIZE) })
  const { url } = await front(market.url)
  const buyer = market.buyer()
  const error = await rejection(buyer.fetch(url))
  expect(error).toMatchObject({ code: 'redirect-refused', details: { location: market.url, from: url } })
  expect(await rejection(buyer.price(url))).toMatchObject({ code: 'redirect-refused' })
  expect(market.attempts).toEqual([])
})

test('with leave it is paid where it asks, and its credential goes nowhere else', async () => {
  const market = await openMarket({ handler: bytes(SIZE) })
  const { url, credentials } = await front(`${market.url}/film`)
  const buyer = market.buyer({ redirects: 'follow' })
  for (const _ of [1, 2]) expect(await readAll(await buyer.fetch(url))).toBe(SIZE)
  expect(buyer.trades).toHaveLength(1)
  expect(credentials.length).toBeGreaterThanOrEqual(2)
  expect(credentials.every((credential) => credential === null)).toBe(true)
})

test('a seller that was paid cannot have its credential carried to another', async () => {
  let away = ''
  const market = await openMarket({
    handler: bytes(SIZE),
    tamper: (inner) => (request) =>
      request.method === 'GET' && away !== '' && request.headers.has('authorization')
        ? new Response(null, { status: 307, headers: { location: away } })
        : inner(request),
  })
  const other = await front('/again')
  const buyer = market.buyer({ redirects: 'follow' })
  expect(await readAll(await buyer.fetch(market.url))).toBe(SIZE)
  away = other.url
  expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'redirect-refused' })
  away = ''
  expect(other.credentials.length).toBeGreaterThan(0)
  expect(other.credentials.every((credential) => credential === null)).toBe(true)
})
