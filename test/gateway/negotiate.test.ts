import { expect, test } from 'vitest'
import { checkConfig } from '../../src/gateway/config/read.ts'
import { sat } from '../../src/money/msat.ts'
import { comparePrices, parsePrice } from '../../src/money/price.ts'
import { bidFromTo, inPieces } from '../../src/terms/strategy.ts'
import { openStand, upstream } from './stand.ts'

const bytes = (): Promise<string> => upstream((_, response) => void response.end(Buffer.alloc(1024)))
const at = (text: string) => parsePrice(`${text}/KiB`)
/** What a buyer that bids so in one go pays; `undefined` where the two do not come to terms. */
async function agreed(stand: Awaited<ReturnType<typeof openStand>>, bid: string, path = '/', pieces = sat(1)) {
  const strategy = inPieces(pieces, bidFromTo(at(bid), at(bid), 1))
  const buyer = stand.buyer({ strategy, maxPrice: at(bid) })
  const response = await buyer.fetch(stand.url + path).catch((error: Error & { code?: string }) => {
    expect(['price-too-high', 'rounds-exhausted']).toContain(error.code)
  })
  await response?.arrayBuffer()
  const price = buyer.trades[0]?.price
  await buyer.close()
  return price
}
const same = (price: ReturnType<typeof at> | undefined, text: string) =>
  expect(price && comparePrices(price, at(text))).toBe(0)

test('a route haggles as it says, each by its own rules; one that says nothing does not', async () => {
  const url = await bytes()
  const stand = await openStand({
    routes: [
      { path: '/fixed', upstream: url, price: '10 sat/KiB' },
      { path: '/floor', upstream: url, price: '10 sat/KiB', negotiate: { floor: '6 sat/KiB' } },
      { path: '/part', upstream: url, price: '10 sat/KiB', negotiate: { floor: '60%' } },
      {
        path: '/volume',
        upstream: url,
        price: '10 sat/KiB',
        negotiate: { floor: '50%', volume: [{ from: '4 sat', price: '70%' }] },
      },
      {
        path: '/own',
        upstream: url,
        price: '10 sat/KiB',
        negotiate: { floor: '80%', policy: (bid) => ({ accept: bid }) },
      },
    ],
  })
  expect(await agreed(stand, '9 sat', '/fixed')).toBeUndefined()
  for (const path of ['/floor', '/part']) {
    same(await agreed(stand, '6 sat', path), '6 sat')
    expect(await agreed(stand, '5999 msat', path)).toBeUndefined()
  }
  expect(await agreed(stand, '7 sat', '/volume')).toBeUndefined()
  same(await agreed(stand, '7 sat', '/volume', sat(4)), '7 sat')
  same(await agreed(stand, '8 sat', '/own'), '8 sat')
  expect(await agreed(stand, '7 sat', '/own')).toBeUndefined()
})

test('by its load: what is being served now', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const url = await upstream(async (request, response) => {
    response.write(Buffer.alloc(512))
    if (request.url === '/slow') await promise
    response.end(Buffer.alloc(512))
  })
  const negotiate = { floor: '50%', load: { streams: 2, price: '60%' } }
  const stand = await openStand({ routes: [{ upstream: url, price: '10 sat/KiB', negotiate }] })
  same(await agreed(stand, '6 sat'), '6 sat')
  const slow = await stand.buyer().fetch(`${stand.url}/slow`)
  expect(await agreed(stand, '7999 msat')).toBeUndefined()
  same(await agreed(stand, '8 sat'), '8 sat')
  const slower = await stand.buyer().fetch(`${stand.url}/slow`)
  expect(await agreed(stand, '9999 msat')).toBeUndefined()
  resolve()
  await Promise.all([slow.arrayBuffer(), slower.arrayBuffer()])
  await expect.poll(() => agreed(stand, '6 sat')).toBeDefined()
})

test('a changed configuration haggles anew, or no more', async () => {
  const url = await bytes()
  const route = { name: 'a', upstream: url, price: '10 sat/KiB' }
  const stand = await openStand({ routes: [route] })
  const offer = () => stand.buyer().price(stand.url)
  expect(await offer()).toMatchObject({ negotiable: false })
  await stand.gateway.reload(checkConfig({ routes: [{ ...route, negotiate: { floor: '50%' } }] }))
  expect(await offer()).toMatchObject({ negotiable: true })
  same(await agreed(stand, '5 sat'), '5 sat')
  await stand.gateway.reload(checkConfig({ routes: [{ ...route, negotiate: { floor: '70%' } }] }))
  expect(await agreed(stand, '6 sat')).toBeUndefined()
  await stand.gateway.reload(checkConfig({ routes: [route] }))
  expect(await offer()).toMatchObject({ negotiable: false })
  expect(await agreed(stand, '9 sat')).toBeUndefined()
})

test('a tariff comes down by its parts', async () => {
  const url = await bytes()
  const price = { request: '2 sat', output: '10 sat/KiB' }
  const stand = await openStand({ routes: [{ upstream: url, price, negotiate: { floor: '50%' } }] })
  const half = parsePrice('1 msat/2 msat')
  const buyer = stand.buyer({ strategy: bidFromTo(half, half, 1) })
  await (await buyer.fetch(stand.url)).arrayBuffer()
  await buyer.close()
  expect(buyer.closings[0]!.statement.delivered).toBe(6000n)
})
