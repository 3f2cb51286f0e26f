import { checkConfig } from '../../src/gateway/config/read.ts'
import { publishTo } from '../../src/gateway/diagnostics.ts'
import { Gateway } from '../../src/gateway/gateway.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { shopAccount } from '../account.ts'
import { cpuMs, order, serveBench } from '../process.ts'

/** What a gateway sells of the upstream, and where its node and ledger lie. */
export interface GatewayOrder {
  /** Of its embedded node. */
  readonly home: string
  readonly ledger: string
  readonly upstream: string
  readonly price: string
  readonly credit: string
}

/** The gateway as `streampay sell URL` runs it: one route, a node, a ledger on disk. */
const { home, ledger, upstream, price, credit } = order<GatewayOrder>()
// Not by way of the test network: what a process has loaded is gone through at every collection, and large bodies cause many.
const node = await createEmbeddedNode({ home, name: 'seller' })
const { publicKey } = await node.info()
const books = openLedger(ledger)
const config = checkConfig({ routes: [{ name: 'all', path: '/**', upstream, price, credit }] })
const gateway = await Gateway.open(config, { openSeller: async () => ({ node, ledger: books }) })
const stopTelling = publishTo(gateway)
gateway.onEvent((event) => {
  if (event.type === 'error') process.stderr.write(`  the gateway: ${event.error.code}: ${event.error.message}\n`)
})
const onError = (error: unknown) => void process.stderr.write(`  the gateway: ${error}\n`)
const server = await serve((request) => gateway.handle(request), { port: 0, onError })
const seller = await gateway.seller

serveBench({
  ready: { url: server.url, publicKey },
  answers: { accounts: () => [...seller.accounts.inMemory.values()].map(shopAccount), cpuMs },
  close: async () => {
    await server.close(0)
    stopTelling()
    await gateway.close()
    await books.end()
    await node.close()
  },
})
