import { type Price, parsePrice } from '../../src/money/price.ts'
import { mustBe } from './attack.ts'
import { RawBuyer } from './speaker/buyer.ts'
import type { Stage } from './stage.ts'
import { sum } from './victims/counted.ts'
import { type Shop, type ShopFigures, type ShopOrder, type WallOrder, WRITES } from './victims/seller.ts'

/** What most attacks are after: a kibibyte costs a sat. */
export const PRICE_TEXT = '1 sat/KiB'
export const PRICE: Price = parsePrice(PRICE_TEXT)
export const KIB = 1024

/** A film: 4 MiB at a sat a kibibyte, nothing on credit, and no patience with those who do not pay. */
export const film = (more: Partial<WallOrder> = {}): WallOrder => ({
  price: PRICE_TEXT,
  graceMs: 1000,
  source: { kind: 'bytes', bytes: 4 << 20 },
  ...more,
})

/** A film of 5 KiB: whoever pays more for it has a balance. */
export const trailer = (): WallOrder => film({ source: { kind: 'bytes', bytes: 5 * KIB } })

/** Our seller with one paywall at `/`. */
export const openShop = (stage: Stage, wall: WallOrder = film(), more: Omit<ShopOrder, 'walls'> = {}): Promise<Shop> =>
  stage.seller.calls.open({ walls: { '/': wall }, ...more })

/** A hostile buyer that has agreed, and paid these amounts. */
export async function customer(stage: Stage, shop: Shop, ...amounts: bigint[]): Promise<RawBuyer> {
  const buyer = await new RawBuyer(stage.node, shop.url).agree(amounts)
  return buyer.payFirst()
}

/** A customer that paid 20 sat, took 5 KiB and closed: it has a balance to claim, of which it was given a signed statement. */
export async function withBalance(stage: Stage): Promise<{ buyer: RawBuyer; balance: bigint; shop: Shop }> {
  const shop = await openShop(stage, trailer())
  const buyer = await customer(stage, shop, 20_000n)
  await buyer.consume()
  const { balance } = (await buyer.close()) as { balance: string }
  mustBe(BigInt(balance) === 15_000n, `the balance is ${balance}`)
  return { buyer, balance: BigInt(balance), shop }
}

/** Calls that reached the node, and writes that reached the ledger, since `before`. */
export async function workSince(stage: Stage, shop: Shop, before: ShopFigures) {
  const { nodeCalls, ledgerCalls } = await stage.seller.calls.figures(shop.id)
  return {
    nodeCalls: BigInt(sum(nodeCalls) - sum(before.nodeCalls)),
    writes: BigInt(sum(ledgerCalls, WRITES) - sum(before.ledgerCalls, WRITES)),
  }
}

/** Runs tasks, so many at a time. */
export async function inTurns<T>(times: number, atOnce: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < times; index = next++) results[index] = await task(index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
