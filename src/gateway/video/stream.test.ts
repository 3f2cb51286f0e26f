import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createBuyer } from '../../buyer/buyer.ts'
import { temporaryFolder } from '../../ledger/testing/temporary.ts'
import { scriptedPair } from '../../lightning/testing/scripted.ts'
import { serve } from '../../seller/adapters/node.ts'
import { MAX_SEGMENTS } from './hls.ts'
import { isVideo, openVideo } from './open.ts'
import { videoRoute } from './route.ts'
import { sellVideo } from './testing/shop.ts'

const folder = temporaryFolder()
const ends: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="sound.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"
picture.m3u8
`
const list = (names: readonly string[]) =>
  `#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n${names.map((name) => `#EXTINF:2.000,\n${name}`).join('\n')}\n`

async function sell(target: string) {
  const nodes = scriptedPair()
  const { url, close } = await sellVideo(nodes.seller, target, { cache: folder() })
  const buyer = createBuyer({ node: nodes.buyer, max: '1000 sat', ahead: '10 sat' })
  ends.push(close, () => buyer.close({ keep: true }))
  const status = async (path: string) => (await fetch(url + path)).status
  const read = async (path: string) => (await (await buyer.fetch(url + path)).arrayBuffer()).byteLength
  return { url, buyer, status, read }
}

/** A service that streams, without lengths, as many do. */
async function upstream(files: Readonly<Record<string, string>>): Promise<string> {
  const server = await serve(
    async (request) => {
      const body = files[new URL(request.url).pathname]
      return body === undefined ? new Response('', { status: 404 }) : new Response(new Blob([body]).stream())
    },
    { port: 0 },
  )
  ends.push(() => server.close(0))
  return server.url
}

it('an upstream’s HLS stream: segments cost their time, all that leads to them nothing', async () => {
  const url = await upstream({
    '/live/index.m3u8': MASTER,
    '/live/picture.m3u8': list(['a.ts', 'b.ts', 'disguise.jpg']),
    '/live/sound.m3u8': list(['s.aac']),
    '/live/a.ts': 'x'.repeat(50_000),
    '/live/b.ts': 'x'.repeat(50_000),
    '/live/disguise.jpg': 'x'.repeat(50_000),
    '/live/s.aac': 'x',
    '/live/init.mp4': 'x',
    '/live/secret.mp4': 'x',
  })
  const { buyer, status, read } = await sell(`${url}/live/index.m3u8`)
  // A viewer that was there before the seller was started anew asks for a segment first.
  expect(await status('/b.ts')).toBe(402)
  expect(await status('/disguise.jpg')).toBe(402)
  for (const path of ['/index.m3u8', '/picture.m3u8', '/init.mp4', '/s.aac']) expect(await status(path)).toBe(200)
  expect(await status('/secret.mp4')).toBe(404)
  expect(await status('/a.ts?again')).toBe(404)
  expect(await read('/a.ts')).toBe(50_000)
  expect(await read('/b.ts')).toBe(50_000)
  expect(await read('/b.ts')).toBe(50_000)
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { delivered: 8000n } })
})

it('a playlist that leads past the seller, or is huge, is refused', async () => {
  const url = await upstream({
    '/away.m3u8': list(['https://elsewhere.example/a.ts']),
    '/aside.m3u8': list(['//elsewhere.example/a.ts']),
    '/huge.m3u8': list(Array.from({ length: MAX_SEGMENTS + 1 }, () => 'a.ts')),
  })
  for (const name of ['away', 'aside', 'huge']) {
    const { url: sold } = await sell(`${url}/${name}.m3u8`)
    const response = await fetch(`${sold}/${name}.m3u8`)
    expect(response.status).toBe(502)
    expect(await response.text()).toMatch(/paywall|more than/)
  }
})

it('a folder with a DASH manifest', async () => {
  const path = join(folder(), 'dash')
  mkdirSync(path)
  writeFileSync(
    join(path, 'film.mpd'),
    `<MPD mediaPresentationDuration="PT3S"><AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="1" duration="2"
      initialization="init.mp4" media="$Number$.m4s"/><Representation id="v" bandwidth="1"/></AdaptationSet></MPD>`,
  )
  for (const name of ['init.mp4', '1.m4s', '2.m4s', 'master.mov']) writeFileSync(join(path, name), 'x'.repeat(1000))
  const { buyer, status, read } = await sell(path)
  expect(await status('/film.mpd')).toBe(200)
  expect(await status('/init.mp4')).toBe(200)
  expect(await status('/master.mov')).toBe(404)
  expect(await status('/%2e%2e/dash/1.m4s')).toBe(404)
  await read('/1.m4s')
  await read('/2.m4s')
  const [closing] = await buyer.close()
  expect(closing).toMatchObject({ statement: { delivered: 6000n } })
})

it('says what is missing where a file without a length of its own cannot be packaged', async () => {
  const path = join(folder(), 'film.mkv')
  writeFileSync(path, 'no film')
  expect(isVideo(path)).toBe(true)
  await expect(openVideo(path, { cache: folder(), ffmpeg: false })).rejects.toThrow(
    /install ffmpeg, or give a price per byte/,
  )
  await expect(openVideo(join(folder(), 'absent.mp4'), { cache: folder() })).rejects.toThrow(/does not exist/)
})

it('a route of a gateway: 503 until it is opened, then what is free past the wall, below its prefix', async () => {
  const path = join(folder(), 'routed')
  mkdirSync(path)
  writeFileSync(join(path, 'index.m3u8'), list(['a.ts']))
  writeFileSync(join(path, 'a.ts'), 'x'.repeat(1000))
  const route = videoRoute(path, '/films/', { cache: folder() })
  ends.push(() => route.close())
  const ask = (at: string) => route.free(new Request(`http://127.0.0.1${at}`))
  expect((await ask('/films/index.m3u8'))?.status).toBe(503)
  await route.opened
  expect((await ask('/films/index.m3u8'))?.status).toBe(200)
  expect(await ask('/films/a.ts')).toBeUndefined()
  expect((await ask('/films/b.ts'))?.status).toBe(404)
  const absent = videoRoute(join(folder(), 'absent.mp4'), '/', { cache: folder() })
  ends.push(() => absent.close())
  await expect(absent.opened).rejects.toThrow(/does not exist/)
  expect(await (await absent.free(new Request('http://127.0.0.1/')))!.text()).toMatch(/cannot be shown/)
})
