import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Buyer, createBuyer } from '../../buyer/buyer.ts'
import { type EmbeddedPair, embeddedPair } from '../../lightning/embedded/testing/pair.ts'
import { hasFfmpeg } from './ffmpeg.ts'
import { readPlaylist } from './hls.ts'
import { packageFilm } from './package.ts'
import { makeFilm } from './testing/film.ts'
import { sellVideo } from './testing/shop.ts'

/* Without ffmpeg there is neither a film nor a packager: these tests are skipped. */
describe.skipIf(!hasFfmpeg())('a film on real nodes (needs ffmpeg)', () => {
  let pair: EmbeddedPair
  let folder = ''
  let film = ''
  const ends: Array<() => Promise<unknown>> = []
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'streampay-video-'))
    film = makeFilm(folder)
    pair = await embeddedPair()
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })
  afterAll(async () => {
    await pair.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function stage(options: { readonly ffmpeg?: boolean; readonly qualities?: string } = {}) {
    const shop = await sellVideo(pair.seller, film, { cache: join(folder, 'cache'), ...options })
    const buyer = createBuyer({ node: pair.buyer, max: '1000 sat', ahead: '10 sat' })
    ends.push(shop.close, () => buyer.close({ keep: true }))
    return { ...shop, buyer }
  }

  const media = async (url: string) => {
    const playlist = readPlaylist(await (await fetch(url)).text())
    if (playlist.kind !== 'media') throw new Error('not a media playlist')
    return playlist.segments.map(({ uri, ms }) => ({ url: new URL(uri, url).href, ms }))
  }
  const read = async (buyer: Buyer, url: string) => (await (await buyer.fetch(url)).arrayBuffer()).byteLength
  const charged = async (buyer: Buyer) => {
    const closings = await buyer.close()
    expect(closings.map(({ dispute }) => dispute)).toEqual(closings.map(() => undefined))
    return closings.reduce((sum, { statement }) => sum + statement.delivered, 0n)
  }

  it('played through it costs its price for its seconds, and nothing when it is repeated', async () => {
    const { url, buyer } = await stage()
    expect(readPlaylist(await (await fetch(`${url}/index.m3u8`)).text()).kind).toBe('master')
    expect((await fetch(`${url}/poster.jpg`)).status).toBe(200)
    const segments = await media(`${url}/240p/index.m3u8`)
    expect(segments.length).toBeGreaterThanOrEqual(9)
    expect((await fetch(segments[0]!.url)).status).toBe(402)
    expect((await fetch(new URL('init.mp4', `${url}/240p/`))).status).toBe(200)
    for (const segment of segments) await read(buyer, segment.url)
    for (const segment of segments.slice(0, 4)) await read(buyer, segment.url)
    const cost = Number(await charged(buyer))
    expect(Math.abs(cost - 40_000)).toBeLessThanOrEqual(800)
  })

  it('a seek pays for what is played, and a segment that is cut off for its part', async () => {
    const { url, buyer, seller } = await stage()
    const segments = await media(`${url}/240p/index.m3u8`)
    await read(buyer, segments[0]!.url)
    const last = segments.at(-2)!
    const { body } = await buyer.fetch(last.url)
    const reader = body!.getReader()
    await reader.read()
    await reader.cancel()
    const [account] = seller.accounts.inMemory.values()
    await until(() => account!.activeDeliveries === 0)
    const first = segments[0]!.ms
    const { deliveredSteps } = account!.gate
    expect(deliveredSteps).toBeGreaterThan(BigInt(first))
    expect(deliveredSteps).toBeLessThanOrEqual(BigInt(first + last.ms))
    // The rest of it costs the rest, but for the slices that were on their way: a 64th, or 1 KiB of this small film.
    const length = await read(buyer, last.url)
    const steps = Number(account!.gate.deliveredSteps)
    const slice = Math.max(1024, Math.ceil(length / 64))
    expect(steps).toBeGreaterThanOrEqual(first + last.ms - 2)
    expect(steps).toBeLessThanOrEqual(first + last.ms + Math.ceil((2 * slice * last.ms) / length))
    await buyer.close()
  })

  it('who pauses pays nothing', async () => {
    const { url, buyer, seller } = await stage()
    const segments = await media(`${url}/240p/index.m3u8`)
    await read(buyer, segments[0]!.url)
    const [account] = seller.accounts.inMemory.values()
    const before = buyer.spent
    await new Promise((resolve) => setTimeout(resolve, 1000))
    // What was set aside for fees may have come back.
    expect(buyer.spent).toBeLessThanOrEqual(before)
    expect(account!.gate.deliveredSteps).toBe(BigInt(segments[0]!.ms))
    await buyer.close()
  })

  it('a quality with its own price has an agreement of its own', async () => {
    const { url, buyer } = await stage({ qualities: '240p,120p=1 sat/s' })
    const [dear] = await media(`${url}/240p/index.m3u8`)
    const [cheap] = await media(`${url}/120p/index.m3u8`)
    await read(buyer, dear!.url)
    await read(buyer, cheap!.url)
    expect(buyer.trades).toHaveLength(2)
    expect(await charged(buyer)).toBe(BigInt(dear!.ms * 2 + cheap!.ms))
  })

  it('is packaged once by all who want it, and again when the work was cut short', async () => {
    const cache = join(folder, 'other')
    const abort = new AbortController()
    const cut = packageFilm(film, { cache, signal: abort.signal, onProgress: () => abort.abort(new Error('cut')) })
    await expect(cut).rejects.toThrow('cut')
    let begun = 0
    const one = () => {
      let isFirst = true
      const onProgress = () => {
        if (isFirst) begun++
        isFirst = false
      }
      return packageFilm(film, { cache, onProgress })
    }
    const [first, second] = await Promise.all([one(), one()])
    expect(second).toBe(first)
    expect(await one()).toBe(first)
    expect(begun).toBe(1)
    expect(readdirSync(cache).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  it('the master playlist names every quality, with or without sound, and keyframes lie alike', async () => {
    for (const sound of [true, false]) {
      const input = makeFilm(folder, { seconds: 5, name: `${sound ? 'sound' : 'silent'}.mp4`, sound })
      const packaged = await packageFilm(input, { cache: join(folder, 'cache'), heights: [240, 120, 1080] })
      const master = readFileSync(join(packaged, 'index.m3u8'), 'utf8')
      expect(readPlaylist(master)).toMatchObject({ variants: ['240p/index.m3u8', '120p/index.m3u8'] })
      const [high, low] = ['240p', '120p'].map((name) => readFileSync(join(packaged, name, 'index.m3u8'), 'utf8'))
      const lengths = (text: string) => text.match(/#EXTINF:[\d.]+/g)
      expect(lengths(high!)).toEqual(lengths(low!))
    }
  })

  it('a folder of films has each below its name', async () => {
    const films = join(folder, 'films')
    mkdirSync(films)
    makeFilm(films, { seconds: 3, name: 'a b.mp4' })
    const server = await sellVideo(pair.seller, films, { cache: join(folder, 'cache') })
    ends.push(server.close)
    expect(await (await fetch(`${server.url}/`)).json()).toEqual({ films: ['a b.mp4'] })
    const [first] = await media(`${server.url}/a%20b.mp4/240p/index.m3u8`)
    expect((await fetch(first!.url)).status).toBe(402)
    expect((await fetch(`${server.url}/a%20b.mp4`)).url).toBe(`${server.url}/a%20b.mp4/index.m3u8`)
    expect((await fetch(`${server.url}/other.mp4/index.m3u8`)).status).toBe(404)
  })

  it('without ffmpeg: ranges of the file, each for its part of the time', async () => {
    const { url, buyer } = await stage({ ffmpeg: false })
    const response = await buyer.fetch(url, { headers: { range: 'bytes=0-49999' } })
    expect(response.status).toBe(206)
    const size = Number(response.headers.get('content-range')!.split('/')[1])
    await response.arrayBuffer()
    const again = await buyer.fetch(url, { headers: { range: 'bytes=0-49999' } })
    await again.arrayBuffer()
    const cost = Number(await charged(buyer))
    expect(Math.abs(cost - (40_000 * 50_000) / size)).toBeLessThanOrEqual((40_000 * 50_000) / size / 50 + 10)
  })
})

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > end) throw new Error('it did not come about')
  }
}
