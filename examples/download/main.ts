import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBuyer } from '../../src/buyer/index.ts'
import { checkConfig, Gateway } from '../../src/gateway/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/index.ts'

const BYTES = 6 << 20
const say = (text: string) => process.stderr.write(`${text}\n`)

const home = mkdtempSync(join(tmpdir(), 'streampay-download-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }))

const folder = join(home, 'shop')
mkdirSync(folder)
const content = randomBytes(BYTES)
writeFileSync(join(folder, 'data.bin'), content)

const [sellerNode, buyerNode] = await Promise.all([
  createEmbeddedNode({ home, name: 'seller' }),
  createEmbeddedNode({ home, name: 'buyer' }),
])
await buyerNode.openChannelTo((await sellerNode.info()).publicKey)

const gateway = await Gateway.open(checkConfig({ routes: [{ path: '/files/**', folder, price: '1 sat/MiB' }] }), {
  openSeller: async () => ({ node: sellerNode }),
})
const server = await serve((request) => gateway.handle(request), { port: 0 })
say(`selling  ${folder} at ${server.url}/files/ for 1 sat/MiB`)

const buyer = createBuyer({ node: buyerNode, max: '50 sat', maxPrice: '2 sat/MiB', ahead: '4 sat' })
const url = `${server.url}/files/data.bin`
const hash = createHash('sha256')
let have = 0

/** Reads from where the file ends so far, up to `until` bytes of it. */
async function download(until: number): Promise<void> {
  const response = await buyer.fetch(url, { headers: { range: `bytes=${have}-` } })
  const reader = response.body!.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    hash.update(value)
    have += value.length
    if (have >= until) return reader.cancel()
  }
}

await download(BYTES / 2)
say(`cut off  after ${have} bytes; ${formatMsat(buyer.spent)} paid`)
await download(BYTES)
const whole = hash.digest('hex') === createHash('sha256').update(content).digest('hex')
const [closing] = await buyer.close()
say(
  `resumed  ${have} bytes, ${whole ? 'as they were' : 'CHANGED'}; ${formatMsat(closing!.statement.delivered)} delivered, ${formatMsat(closing!.amount)} back`,
)

await server.close()
await gateway.close()
await Promise.all([buyerNode.close(), sellerNode.close()])
const { statement, dispute } = closing!
console.log(
  JSON.stringify({
    ok: whole && !dispute,
    bytes: have,
    delivered: `${statement.delivered}`,
    steps: `${statement.steps}`,
  }),
)
process.exit(whole && !dispute ? 0 : 1)
