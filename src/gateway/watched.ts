import type { StreamError } from '../errors/error.ts'
import type { Msat } from '../money/msat.ts'
import type { Price } from '../money/price.ts'
import type { PriceSpec, Tariff } from '../money/tariff.ts'
import type { Seller, SellerEvent } from '../seller/seller.ts'
import type { PayoutEvent } from './split/payouts.ts'
import type { Standing } from './split/store.ts'

/** A route as the panel sees it. */
export interface WatchedRoute {
  /** `[a-z][a-z0-9-]*`; also the scope of its agreements. */
  readonly name: string
  readonly title: string
  readonly seller: Seller
  /** `undefined`: free. */
  readonly priced: { readonly terms: { readonly price: Price; readonly tariff?: Tariff | undefined } } | undefined
}

/** One answered request, once its answer is over. */
export interface RequestEvent {
  readonly type: 'request'
  /** `undefined` where no route fits. */
  readonly route: string | undefined
  readonly status: number
  /** From the request to the end of its answer. */
  readonly ms: number
  /** Of the answer's body. */
  readonly bytes: number
  readonly atMs: number
}

/** Another configuration was taken, or was refused and the old one stays. */
export type ReloadEvent =
  | { readonly type: 'reloaded'; readonly atMs: number; readonly routes: readonly string[] }
  | { readonly type: 'reload-failed'; readonly atMs: number; readonly error: StreamError }

/** What happens at a gateway. An account's route is the scope of its agreement where `route` is absent. */
export type WatchedEvent =
  | (SellerEvent & { readonly route?: string; readonly atMs: number })
  | RequestEvent
  | ReloadEvent
  | (PayoutEvent & { readonly atMs: number })

/** What the panel needs of a gateway: the `Gateway` is one. */
export interface Watched {
  readonly routes: readonly WatchedRoute[]
  /** Who shares what split routes earn. @throws StreamError `ledger-failed` */
  readonly recipients: readonly Standing[]
  /** @throws StreamError `price-invalid`, `option-invalid` */
  setPrice(route: string, price: PriceSpec): void
  /** Returns the function that ends it. */
  onEvent(listener: (event: WatchedEvent) => void): () => void
}

/** The sellers behind the routes, each once. */
export const sellersOf = (gateway: Watched): readonly Seller[] => [
  ...new Set(gateway.routes.map(({ seller }) => seller)),
]

/** What is owed to buyers, over all sellers. */
export function owedBy(gateway: Watched): { readonly amount: bigint; readonly agreements: number } {
  const debts = sellersOf(gateway).map((seller) => seller.debts)
  return {
    amount: debts.reduce((sum, { amount }) => sum + (amount as Msat), 0n),
    agreements: debts.reduce((sum, { agreements }) => sum + agreements, 0),
  }
}
