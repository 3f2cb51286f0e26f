import { join } from 'node:path'
import { openLedger } from '../../../src/ledger/index.ts'
import type { Settlement } from '../../../src/lightning/node.ts'
import { serve } from '../../../src/seller/adapters/node.ts'
import { wall } from '../../../src/seller/paywall.ts'
import { Seller } from '../../../src/seller/seller.ts'
import { answering } from './answering.ts'
import { sleep } from './clock.ts'
import { GOODS, good, isGood, source } from './goods.ts'
import { openLog } from './log.ts'
import { balanceOf, openNode } from './openNode.ts'
import type { SellerOrder } from './orders.ts'

/** The seller's process: one seller, a wall for each good, its ledger in a file. */
const order = JSON.parse(process.argv[2] ?? '') as SellerOrder
const GRACE_MS = 8000
const CATCH_UP_MS = 30_000

const log = openLog(join(order.folder, 'log'))
log.note({ is: 'life' })
const ledger = openLedger(join(order.folder, 'ledger.db'))
const node = await openNode(order.node, log)
const seller = new Seller({
  node,
  ledger,
  secret: Buffer.from(order.secret, 'hex'),
  onEvent: (event) => {
    if (event.type === 'error') process.stderr.write(`${event.error.code}: ${event.error.message}\n`)
  },
})
const settlements: Settlement[] = []
node.subscribeSettlements(
  0n,
  (settlement) => settlements.push(settlement),
  () => {},
)
await seller.ready()

const handlers = Object.fromEntries(
  Object.values(GOODS).map((of) => [of.wall.scope, wall(seller, { ...of.wall, graceMs: GRACE_MS })(source(of))]),
)
const server = await serve(
  (request) => {
    const name = new URL(request.url).pathname.slice(1)
    return isGood(name) ? handlers[good(name).wall.scope]!(request) : new Response('', { status: 404 })
  },
  { port: order.port },
)

answering({
  balance: () => balanceOf(node),
  async books(agreements) {
    // Asked for in one go, and a ledger takes its calls in their order: all of it is of one instant.
    const [index, ...records] = await Promise.all([
      ledger.settlementIndex(),
      ...agreements.map((id) => ledger.getAgreement(id)),
    ])
    // This process's own look at the node is another subscription than the seller's, and may come back later after a break.
    for (const end = Date.now() + CATCH_UP_MS; (settlements.at(-1)?.index ?? 0n) < index && Date.now() < end; ) {
      await sleep(50)
    }
    const paid = records.flatMap((record) => (record ? [[record.agreement.id, `${record.paid}`] as const] : []))
    return {
      index: `${index}`,
      paid: Object.fromEntries(paid),
      settlements: settlements.map(({ index, paymentHash: hash, amount }) => ({
        index: `${index}`,
        hash,
        amount: `${amount}`,
      })),
    }
  },
  async close() {
    await server.close(0)
    await seller.close()
    await ledger.end()
    await node.close()
    setImmediate(() => process.exit())
    return null
  },
})
