import { afterEach } from 'vitest'
import type { LightningNode } from '../../src/lightning/node.ts'
import { scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { msat } from '../../src/money/msat.ts'
import { toldAddress } from '../../src/seller/adapters/request.ts'
import { type PaidHandler, type WallOptions, wall } from '../../src/seller/paywall.ts'
import { Seller, type SellerEvent, type SellerOptions, type SellerParts } from '../../src/seller/seller.ts'

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})
export const atEnd = (end: () => unknown): void => void ending.push(end)

export interface Shop {
  readonly seller: Seller
  readonly nodes: ReturnType<typeof scriptedPair>
  readonly events: SellerEvent[]
  /** How often what is sold was asked for it. */
  served: number
  /** Asks by the wall of that name, or the first. */
  ask(options?: Ask): Promise<Response>
  wall(options: Partial<WallOptions>, handler?: PaidHandler): (options?: Ask) => Promise<Response>
  /** Pays an invoice from the buyer's node, and returns the preimage. */
  pay(invoice: string): Promise<string>
}

export interface Ask {
  readonly headers?: Record<string, string>
  readonly client?: string
  readonly method?: string
  readonly signal?: AbortSignal
}

/** A seller on scripted nodes, with one wall of every scheme. */
export function openShop(
  options: Partial<WallOptions> & Partial<SellerOptions> = {},
  handler: PaidHandler = () => new Response('sold'),
  parts: Partial<SellerParts> = {},
  nodes = scriptedPair(),
): Shop {
  const events: SellerEvent[] = []
  const seller = new Seller({ node: nodes.seller, onEvent: (event) => events.push(event), ...options }, parts)
  atEnd(() => seller.close())
  const shop: Shop = {
    seller,
    nodes,
    events,
    served: 0,
    wall: (own, sells = handler) => {
      const counted: PaidHandler = (request, meter) => {
        shop.served++
        return sells(request, meter)
      }
      const schemes = ['stream', 'session', 'charge', 'l402'] as const
      const handle = wall(seller, { price: '2 sat/request', schemes, ...options, ...own })(counted)
      return ({ headers = {}, client = '10.0.0.1', method = 'GET', signal } = {}) =>
        handle(toldAddress(new Request('http://shop.test/', { method, headers, ...(signal && { signal }) }), client))
    },
    ask: async () => new Response(),
    pay: async (request) => {
      const outcome = await nodes.buyer.pay({ request, maxFee: msat(1000n), timeoutMs: 10_000 })
      if (outcome.status !== 'settled') throw new Error(`not paid: ${outcome.status}`)
      return outcome.preimage
    },
  }
  shop.ask = shop.wall({})
  return shop
}

/** An invoice of a node's own without an amount, good for 30 days. */
export async function returnInvoice(node: Pick<LightningNode, 'createInvoices'>): Promise<string> {
  const [invoice] = await node.createInvoices([{ amount: 'any', description: 'return', expiresInSeconds: 2_592_000 }])
  return invoice!.request
}
