import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openMarket, readAll, rejection } from './market.ts'

const swelling = () =>
  new Response(gzipSync(new Uint8Array(1 << 20)), {
    headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
  })

test.each(['1 sat/KiB', '1 sat/token'])(
  'an answer that swells when it is decoded is not bought at %s',
  async (price) => {
    const market = await openMarket({ handler: swelling, price })
    const buyer = market.buyer()
    expect(await rejection(buyer.fetch(market.url))).toMatchObject({ code: 'count-mismatch' })
    expect(market.settled).toBeLessThanOrEqual(10_000n)
  },
)

test('where nothing of the body is counted it may be encoded', async () => {
  const market = await openMarket({ handler: swelling, price: '1 sat/request' })
  expect(await readAll(await market.buyer().fetch(market.url))).toBe(1 << 20)
})
