import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { missingNginx, startNginx } from './nginx.ts'
import { KIB, readPlaced, rejection, Shop, sellBytes } from './shop.ts'

const skip = missingNginx()

describe.skipIf(skip)(`a trade behind nginx${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let pair: EmbeddedPair
  let shop: Shop | undefined
  let end: (() => Promise<void>) | undefined
  beforeAll(async () => {
    pair = await embeddedPair()
  })
  afterEach(async () => {
    await shop?.close()
    await end?.()
    end = undefined
  })
  afterAll(() => pair?.close())

  const behind = async (location: string, total: number) => {
    shop = await Shop.open(
      pair,
      sellBytes(total),
      { price: '1 sat/KiB', credit: '2 sat' },
      { ahead: '8 sat', stallMs: 4000 },
    )
    const nginx = await startNginx(shop.url, location)
    end = nginx.end
    return { shop, url: nginx.url }
  }

  it.each([
    ['that buffers as it does by itself, and heeds what the seller says', ''],
    ['that buffers nothing', 'proxy_buffering off;'],
    ['that keeps connections to the seller', 'proxy_http_version 1.1; proxy_set_header Connection "";'],
  ])('%s: the stream flows', async (_, location) => {
    const { shop, url } = await behind(location, 100 * KIB)
    expect(await readPlaced(await shop.buyer.fetch(url))).toBe(100 * KIB)
    await shop.settleUp(100 * KIB)
  })

  it('that collects whatever the seller says: the reader is told', async () => {
    // More than the windows carry is collected before anything is passed on.
    const location = 'proxy_ignore_headers X-Accel-Buffering; proxy_buffer_size 32k; proxy_buffers 4 32k;'
    const { shop, url } = await behind(location, 100 * KIB)
    const error = await rejection(shop.buyer.fetch(url).then((response) => readPlaced(response)))
    expect(['response-buffered', 'stream-stalled']).toContain(error.code)
    expect(error.message).toMatch(/proxy|statements/)
    await shop.settleUp(undefined)
  })
})
