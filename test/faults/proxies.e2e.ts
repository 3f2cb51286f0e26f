import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedPair, embeddedPair } from '../../src/lightning/embedded/testing/pair.ts'
import { caddy, nginx, type ProxyProgram, type ProxySettings } from './proxies.ts'
import { KIB, readPlaced, rejection, Shop, sellBytes } from './shop.ts'

let pair: EmbeddedPair
beforeAll(async () => {
  if (nginx.missing === undefined || caddy.missing === undefined) pair = await embeddedPair()
})
afterAll(() => pair?.close())

/** A shop with such a proxy in front of it, until the test ends. */
function fronted(program: ProxyProgram) {
  const ends: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })
  return async (settings: ProxySettings, total: number) => {
    const terms = { price: '1 sat/KiB', credit: '2 sat' }
    const shop = await Shop.open(pair, sellBytes(total), terms, { ahead: '8 sat', stallMs: 4000 })
    ends.push(() => shop.close())
    const proxy = await program.start(shop.url, settings)
    ends.push(proxy.end)
    return { shop, url: proxy.url }
  }
}

const title = ({ name, missing }: ProxyProgram): string =>
  `a trade behind ${name}${missing === undefined ? '' : ` (skipped: ${missing})`}`

describe.skipIf(nginx.missing)(title(nginx), () => {
  const behind = fronted(nginx)

  it.each([
    ['that buffers as it does by itself, and heeds what the seller says', ''],
    ['that buffers nothing', 'proxy_buffering off;'],
    ['that keeps connections to the seller', 'proxy_http_version 1.1; proxy_set_header Connection "";'],
  ])('%s: the stream flows', async (_, pass) => {
    const { shop, url } = await behind({ pass }, 100 * KIB)
    expect(await readPlaced(await shop.buyer.fetch(url))).toBe(100 * KIB)
    await shop.settleUp(100 * KIB)
  })

  it('that collects whatever the seller says: the reader is told', async () => {
    // More than the windows carry is collected before anything is passed on.
    const pass = 'proxy_ignore_headers X-Accel-Buffering; proxy_buffer_size 32k; proxy_buffers 4 32k;'
    const { shop, url } = await behind({ pass }, 100 * KIB)
    const error = await rejection(shop.buyer.fetch(url).then((response) => readPlaced(response)))
    expect(['response-buffered', 'stream-stalled']).toContain(error.code)
    expect(error.message).toMatch(/proxy|statements/)
    await shop.settleUp(undefined)
  })
})

describe.skipIf(caddy.missing)(title(caddy), () => {
  const behind = fronted(caddy)

  it.each([
    ['by the recipe', 'flush_interval -1'],
    ['that is told nothing, and collects a little', ''],
    ['that makes a connection for each request', 'flush_interval -1\n transport http {\n keepalive off\n }'],
  ])('%s: the stream flows', async (_, pass) => {
    const { shop, url } = await behind({ pass }, 100 * KIB)
    expect(await readPlaced(await shop.buyer.fetch(url))).toBe(100 * KIB)
    await shop.settleUp(100 * KIB)
  })

  it('that compresses what it passes on: what is counted is not compressed', async () => {
    const { shop, url } = await behind({ pass: 'flush_interval -1', whole: 'encode gzip' }, 100 * KIB)
    expect(await readPlaced(await shop.buyer.fetch(url))).toBe(100 * KIB)
    await shop.settleUp(100 * KIB)
  })
})
