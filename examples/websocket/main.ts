import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBuyer, openWebSocket } from '../../src/buyer/index.ts'
import { acceptUpgrades, checkConfig, Gateway } from '../../src/gateway/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { serve } from '../../src/seller/index.ts'

const QUOTES = 100
const say = (text: string) => process.stderr.write(`${text}\n`)

const home = mkdtempSync(join(tmpdir(), 'streampay-websocket-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }))

// The feed is a process of its own, as it is in life; it ends with this one.
const feed = fork(fileURLToPath(new URL('feed.ts', import.meta.url)), { silent: true })
const [port] = await once(feed.stdout!, 'data')

const [sellerNode, buyerNode] = await Promise.all([
  createEmbeddedNode({ home, name: 'seller' }),
  createEmbeddedNode({ home, name: 'buyer' }),
])
await buyerNode.openChannelTo((await sellerNode.info()).publicKey)

const config = checkConfig({
  routes: [
    {
      name: 'quotes',
      path: '/quotes',
      upstream: `http://127.0.0.1:${`${port}`.trim()}`,
      price: '1 sat/KiB',
      credit: '1 sat',
    },
  ],
})
const gateway = await Gateway.open(config, { openSeller: async () => ({ node: sellerNode }) })
const server = await serve((request) => gateway.handle(request), { port: 0 })
const upgrades = acceptUpgrades(server.server, gateway)
say(`selling  quotes at ${server.url.replace('http', 'ws')}/quotes for 1 sat/KiB`)

const buyer = createBuyer({ node: buyerNode, max: '50 sat', ahead: '4 sat' })
const socket = await openWebSocket(buyer, `${server.url.replace('http', 'ws')}/quotes`)
await socket.send('BTC/USD')
let messages = 0
for await (const message of socket) {
  messages++
  if (messages <= 3) say(`         ${message}`)
  if (messages === QUOTES) break
}
await socket.close()
const [closing] = await buyer.close()
const { statement, dispute } = closing!
say(`bought   ${messages} messages for ${formatMsat(statement.delivered)}; ${formatMsat(closing!.amount)} back`)

upgrades.close()
await server.close()
await gateway.close()
await Promise.all([buyerNode.close(), sellerNode.close()])
feed.disconnect()
console.log(
  JSON.stringify({ ok: !dispute, messages, steps: `${statement.steps}`, delivered: `${statement.delivered}` }),
)
process.exit(dispute ? 1 : 0)
