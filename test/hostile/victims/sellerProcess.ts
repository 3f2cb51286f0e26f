import { join } from 'node:path'
import { source } from '../../../bench/sources.ts'
import { openLedger } from '../../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../../src/lightning/embedded/index.ts'
import type { Settlement } from '../../../src/lightning/node.ts'
import { parsePrice } from '../../../src/money/price.ts'
import { type RunningServer, serve } from '../../../src/seller/adapters/node.ts'
import { type Handler, wall } from '../../../src/seller/paywall.ts'
import { Seller } from '../../../src/seller/seller.ts'
import { floor } from '../../../src/terms/reserve.ts'
import type { Credit } from '../../../src/terms/terms.ts'
import { counted } from './counted.ts'
import { answerCalls, heldBytes } from './process.ts'
import type { SellerCalls, ShopFigures, ShopOrder, WallOrder } from './seller.ts'

/** The process of the attacked seller: see `seller.ts`. What it runs is the product, unchanged; only calls are counted. */
const [home] = process.argv.slice(2) as [string]
const node = await createEmbeddedNode({ home, name: 'seller' })
const settlements: Settlement[] = []
node.subscribeSettlements(
  0n,
  (settlement) => settlements.push(settlement),
  (error) => process.stderr.write(`${error.message}\n`),
)

interface OpenShop {
  readonly server: RunningServer
  readonly seller: Seller
  readonly figures: Omit<ShopFigures, 'connections'>
}
const shops = new Map<number, OpenShop>()
let opened = 0

async function open({ walls, ...options }: ShopOrder): Promise<{ id: number; url: string }> {
  const id = opened++
  const nodeCalls: Record<string, number> = {}
  const ledgerCalls: Record<string, number> = {}
  const errors: string[] = []
  const seller = new Seller({
    node: counted(node, nodeCalls),
    ledger: counted(openLedger(join(home, `shop-${id}.db`)), ledgerCalls),
    onEvent: (event) => {
      if (event.type === 'error') errors.push(event.error.code)
    },
    ...options,
  })
  const handlers = new Map(Object.entries(walls).map(([path, order]) => [path, handlerOf(seller, order)]))
  await seller.ready()
  const server = await serve(
    (request) =>
      handlers.get(new URL(request.url).pathname)?.(request) ?? new Response('nothing here', { status: 404 }),
    { port: 0 },
  )
  shops.set(id, { server, seller, figures: { nodeCalls, ledgerCalls, errors } })
  return { id, url: `http://127.0.0.1:${server.port}` }
}

function handlerOf(seller: Seller, { source: order, floor: least, credit, ...options }: WallOrder): Handler {
  const policy = least === undefined ? {} : { policy: floor(parsePrice(least)) }
  return wall(seller, { ...options, ...policy, ...(credit !== undefined && { credit: credit as Credit }) })(
    source(order),
  )
}

const calls: SellerCalls = {
  publicKey: async () => (await node.info()).publicKey,
  open,
  async figures(id) {
    const { figures, server } = shops.get(id)!
    const connections = await new Promise<number>((resolve) =>
      server.server.getConnections((_, count) => resolve(count ?? 0)),
    )
    return { ...structuredClone(figures), connections }
  },
  async shut(id) {
    const { server, seller } = shops.get(id)!
    await server.close(0)
    await seller.close()
    await seller.ledger.end()
  },
  settlements: async () => settlements,
  lookup: (paymentHash) => node.lookupPayment(paymentHash),
  held: heldBytes,
}
answerCalls(calls, () => node.close())
