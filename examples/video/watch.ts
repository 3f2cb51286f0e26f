import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { checkConfig } from '../../src/gateway/config/read.ts'
import { Gateway } from '../../src/gateway/gateway.ts'
import { hasFfmpeg } from '../../src/gateway/video/ffmpeg.ts'
import { readPlaylist } from '../../src/gateway/video/hls.ts'
import { videoSources } from '../../src/gateway/video/route.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/adapters/node.ts'

/*
 * A film that is paid for while it plays, on two embedded nodes. Without a file it makes one of ffmpeg's test sources.
 * The viewer sees the beginning, jumps to the end, and sees the beginning once more, which costs nothing.
 */

const PRICE = '2 sat/s'
const say = (line: string): void => void process.stderr.write(`${line}\n`)

const { positionals } = parseArgs({ allowPositionals: true })
if (!hasFfmpeg()) throw new Error('this example needs ffmpeg: install it with the packages of your system')
await using ends = new AsyncDisposableStack()
const home = mkdtempSync(join(tmpdir(), 'streampay-video-'))
ends.defer(() => rmSync(home, { recursive: true, force: true }))

const film = positionals[0] ?? join(home, 'test.mp4')
if (positionals[0] === undefined) {
  const sources = ['testsrc=duration=20:size=640x360:rate=25', 'sine=frequency=440:duration=20']
  const inputs = sources.flatMap((source) => ['-f', 'lavfi', '-i', source])
  execFileSync('ffmpeg', ['-v', 'error', ...inputs, '-pix_fmt', 'yuv420p', '-shortest', film])
}
const [sellers, buyers] = await Promise.all([
  createEmbeddedNode({ home, name: 'seller' }),
  createEmbeddedNode({ home, name: 'buyer' }),
])
ends.defer(async () => void (await Promise.all([sellers.close(), buyers.close()])))
say(`packaging ${film}`)
let packaged = Promise.resolve()
const gateway = await Gateway.open(checkConfig({ routes: [{ video: film, price: PRICE }] }), {
  openSeller: async () => ({ node: sellers }),
  sources: [
    videoSources(join(home, 'cache'), {
      onOpening: (_, { opened }) => {
        packaged = opened
      },
    }),
  ],
})
ends.defer(() => gateway.close())
await packaged
const server = await serve((request) => gateway.handle(request), { port: 0 })
ends.defer(() => server.close(0))
say(`selling ${server.url}/index.m3u8 for ${PRICE} of playing time`)

const buyer = createBuyer({ node: buyers, max: '200 sat', ahead: '10 sat' })
const master = readPlaylist(await (await fetch(`${server.url}/index.m3u8`)).text())
if (master.kind !== 'master') throw new Error('no master playlist')
const list = new URL(master.variants[0]!, `${server.url}/`)
const playlist = readPlaylist(await (await fetch(list)).text())
if (playlist.kind !== 'media') throw new Error('no media playlist')
const { segments } = playlist

async function watch(what: string, part: typeof segments): Promise<void> {
  for (const { uri } of part) await (await buyer.fetch(new URL(uri, list))).arrayBuffer()
  const seconds = part.reduce((sum, { ms }) => sum + ms, 0) / 1000
  const [trade] = buyer.trades
  say(
    `${what.padEnd(22)} ${seconds.toFixed(1).padStart(5)} s   received for ${formatMsat(trade?.received ?? 0n)} so far`,
  )
}
await watch('the beginning', segments.slice(0, 3))
await watch('a jump to the end', segments.slice(-2))
await watch('the beginning again', segments.slice(0, 3))
const [closing] = await buyer.close()
process.stdout.write(`${JSON.stringify({ ok: true, charged: `${closing?.statement.delivered}` })}\n`)
