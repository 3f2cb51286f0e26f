import type { Balances, NodeRecord } from '../world/backend.ts'
import { readLog, type Timed } from '../world/log.ts'
import type { Delivered } from '../world/wire.ts'
import type { Crash, World } from '../world/world.ts'
import { type BuyerBooks, readBuyerBooks, readSellerBooks, type SellerBooks } from './books.ts'

/** All that is known of a run once its processes have ended, from both sides, both nodes, and the wire. */
export interface Evidence {
  readonly seller: SellerBooks
  readonly buyers: ReadonlyMap<string, BuyerBooks>
  readonly nodes: ReadonlyMap<string, NodeRecord>
  readonly before: Balances
  readonly after: Balances
  readonly delivered: ReadonlyMap<string, Delivered>
  readonly crashes: readonly Crash[]
  readonly sellerLog: readonly Timed[]
  readonly buyerLogs: ReadonlyMap<
    string,
    { readonly notes: readonly Timed[]; readonly deaths: readonly number[]; readonly ahead: string }
  >
}

export async function gather(world: World, before: Balances, after: Balances): Promise<Evidence> {
  const buyers = world.buyers.map(({ name, order }) => [name, readBuyerBooks(order.folder)] as const)
  const buyerLogs = world.buyers.map(({ name, order, log }) => {
    const ahead = order.role === 'buyer' ? order.ahead : ''
    return [name, { notes: readLog(log), deaths: world.deaths.get(name) ?? [], ahead }] as const
  })
  return {
    seller: readSellerBooks(world.seller.order.folder),
    buyers: new Map(buyers),
    nodes: await world.backend.records(),
    before,
    after,
    delivered: world.wire.delivered,
    crashes: world.crashes,
    sellerLog: readLog(world.seller.log),
    buyerLogs: new Map(buyerLogs),
  }
}
