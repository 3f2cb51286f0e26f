import type { SellerLimits } from '../src/seller/limits.ts'
import type { SchemeName } from '../src/wire/challenges.ts'
import type { ShopAccount } from './account.ts'
import { openProcess } from './process.ts'

/** What a seller process is to sell. It runs apart, as sellers do, so that the two sides share no event loop. */
export interface ShopOrder {
  /** `embedded:HOME` or a node spec such as `lnd:DIR@HOST:PORT`. */
  readonly node: string
  readonly price: string
  readonly credit?: string
  readonly source: SourceOrder
  readonly ledger?: string
  readonly maxUnpaidAgreements?: number
  readonly limits?: Partial<SellerLimits>
  readonly schemes?: readonly SchemeName[]
  readonly allowance?: string
  readonly trustProxy?: number
}

export type SourceOrder =
  /** So many bytes, as fast as they are taken. */
  | { readonly kind: 'bytes'; readonly bytes: number }
  /** A line every so many ms, for so many seconds. */
  | { readonly kind: 'ticks'; readonly everyMs: number; readonly seconds: number }
  /** Events of one token each; without `everyMs` as fast as they are taken. */
  | { readonly kind: 'tokens'; readonly count: number; readonly everyMs?: number }
  | { readonly kind: 'hello' }

export interface Shop {
  /** The paywall. */
  readonly url: string
  /** The same handler on the same kind of server, without it. */
  readonly freeUrl: string
  readonly publicKey: string
  accounts(): Promise<readonly ShopAccount[]>
  /** Calls that the seller's node was asked to make, and bytes of resident memory after a collection. */
  stats(): Promise<{ readonly nodeCalls: number; readonly rss: number }>
  close(): Promise<void>
}

/** Starts a seller in a process of its own. */
export async function openShop(order: ShopOrder): Promise<Shop> {
  const { ready, ask, close } = await openProcess<Pick<Shop, 'url' | 'freeUrl' | 'publicKey'>>(
    './shopProcess.ts',
    order,
    ['--expose-gc'],
  )
  return { ...ready, accounts: () => ask('accounts'), stats: () => ask('stats'), close }
}
