import { randomBytes } from 'node:crypto'
import { openLedger } from '../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { sat } from '../../src/money/msat.ts'
import { formatPrice, parsePrice } from '../../src/money/price.ts'
import { serve } from '../../src/seller/adapters/node.ts'
import { PricedRoute } from '../../src/seller/paywall.ts'
import { Seller } from '../../src/seller/seller.ts'
import { type Bargain, bargain, readReserve } from '../../src/terms/reserve.ts'
import { order as ordered, serveBench } from '../process.ts'
import type { SellerBooks, SellerKind, SellerOrder } from './orders.ts'

/** A seller of the market: bytes, at a price that it haggles about in its own way. */
const order = ordered<SellerOrder>()
/** So many are busy for a seller that goes by its load. */
const BUSY = 8
const CHUNK = 512
const QUIET_MS = 3000

const trouble: string[] = []

/** A seller on a node, a ledger and a secret of its own. */
async function open(name: string, ledgerFile: string, secret: Uint8Array) {
  const node = await createEmbeddedNode({ home: order.home, name })
  const { publicKey: payee } = await node.info()
  const seller = new Seller({
    node,
    ledger: openLedger(ledgerFile),
    secret,
    trustProxy: 1,
    onEvent: (event) => {
      if (event.type === 'error') trouble.push(`${event.error.code}: ${event.error.message}`)
      if (event.type === 'stray') trouble.push(`${event.amount} msat came for an agreement that was forgotten`)
    },
  })
  await seller.ready()
  /** All that the node ever settled, by payment hash. */
  const settled = new Map<string, bigint>()
  node.subscribeSettlements(
    0n,
    ({ paymentHash, amount }) => void settled.set(paymentHash, amount),
    (error) => trouble.push(error.message),
  )
  const terms = { scope: 'market', price: order.price, credit: order.credit, ...haggling(order.kind) }
  return { node, payee, seller, settled, route: new PricedRoute(seller, terms) }
}

const own = await open(order.name, order.ledger, Buffer.from(order.secret, 'hex'))
/** Who takes its place for a while, at the same address. */
const other = order.stranger ? await open(`${order.name}b`, ':memory:', randomBytes(32)) : undefined
const both = other ? [own, other] : [own]
let current = own
const server = await serve(
  (request) =>
    current.route.handle(({ url }) => new Response(bytesOf(new URL(url).searchParams.get('bytes'))), request),
  { port: order.port },
)

function haggling(kind: SellerKind) {
  if (kind === 'fixed') return {}
  const floor = readReserve(order.floor)
  const rules: Record<Exclude<SellerKind, 'fixed'>, Bargain> = {
    floor: { floor },
    volume: { floor, volume: [{ from: sat(3), price: floor }] },
    load: { floor, load: { streams: BUSY, price: floor } },
    hours: { floor, hours: [{ from: '00:00', to: '00:00', price: floor }] },
  }
  return { floor, policy: bargain(rules[kind]) }
}

/** As many bytes as were asked for, within reason, in small pieces. */
function bytesOf(asked: string | null): ReadableStream<Uint8Array> {
  let left = Math.min(65_536, Math.max(1, Number(asked) || 1))
  return new ReadableStream(
    {
      pull(controller) {
        if (left === 0) return controller.close()
        const length = Math.min(CHUNK, left)
        left -= length
        controller.enqueue(new Uint8Array(length))
      },
    },
    { highWaterMark: 0 },
  )
}

serveBench({
  ready: { url: server.url, payee: own.payee },
  answers: {
    raise: () => {
      const { msat, per, unit } = parsePrice(order.price)
      const price = formatPrice({ msat: msat * 3n, per, unit })
      own.route.setTerms({ price })
      return price
    },
    lower: () => {
      own.route.setTerms({ price: order.floor })
      return order.floor
    },
    change: () => {
      current = other ?? own
      return current.payee
    },
    restore: () => {
      current = own
      return current.payee
    },
    books: async (): Promise<SellerBooks> => {
      // The buyers are done, and their sellers had heard of every payment: whoever else listens to the node does too.
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
      return books()
    },
  },
  close: async () => {
    await server.close(0)
    for (const { seller, node } of both) {
      await seller.close()
      await node.close()
    }
  },
})

function books(): SellerBooks {
  return {
    settled: both.flatMap(({ settled }) => [...settled].map(([hash, amount]) => [hash, `${amount}`] as const)),
    accounts: both
      .flatMap(({ seller }) => [...seller.accounts.inMemory.values()])
      .map(({ agreement, gate }) => ({ id: agreement.id, paid: `${gate.paid}`, maxUnpaid: `${gate.maxUnpaid}` })),
    trouble,
  }
}
