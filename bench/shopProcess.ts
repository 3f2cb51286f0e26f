import { openLedger } from '../src/ledger/index.ts'
import type { LightningNode } from '../src/lightning/node.ts'
import { serve } from '../src/seller/adapters/node.ts'
import { paywall } from '../src/seller/paywall.ts'
import { shopAccount } from './account.ts'
import { openBenchNode } from './nodes.ts'
import { order as ordered, serveBench } from './process.ts'
import type { ShopOrder } from './shop.ts'
import { source } from './sources.ts'

/** The seller's process: see `shop.ts`. */
const order = ordered<ShopOrder>()

let nodeCalls = 0
const node = await openBenchNode(order.node, 'seller')
const { publicKey } = await node.info()
const counted = new Proxy(node, {
  get(target, name) {
    const member = Reflect.get(target, name)
    if (typeof member !== 'function') return member
    return (...args: unknown[]) => {
      nodeCalls++
      return member.apply(target, args)
    }
  },
}) as LightningNode

const handler = source(order.source)
const wall = paywall({
  node: counted,
  price: order.price,
  ledger: openLedger(order.ledger ?? ':memory:'),
  ...(order.credit !== undefined && { credit: order.credit }),
  ...(order.maxUnpaidAgreements !== undefined && { maxUnpaidAgreements: order.maxUnpaidAgreements }),
  ...(order.limits !== undefined && { limits: order.limits }),
  ...(order.schemes !== undefined && { schemes: order.schemes }),
  ...(order.allowance !== undefined && { allowance: order.allowance }),
  ...(order.trustProxy !== undefined && { trustProxy: order.trustProxy }),
})
await wall.seller.ready()
const paid = await serve(wall(handler), { port: 0 })
const free = await serve(handler as (request: Request) => Promise<Response>, { port: 0 })

serveBench({
  ready: { url: paid.url, freeUrl: free.url, publicKey },
  answers: {
    accounts: () => [...wall.seller.accounts.inMemory.values()].map(shopAccount),
    stats: async () => {
      for (let i = 0; i < 4; i++) {
        // The heap as the agreements need it, and not as large as the load that made them left it.
        globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      return { nodeCalls, rss: process.memoryUsage.rss() }
    },
  },
  close: async () => {
    await Promise.all([paid.close(0), free.close(0)])
    await wall.close()
    await node.close()
  },
})
