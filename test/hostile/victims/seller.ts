import type { SourceOrder } from '../../../bench/shop.ts'
import type { PaymentOutcome, Settlement } from '../../../src/lightning/node.ts'
import type { SellerLimits } from '../../../src/seller/limits.ts'
import { startVictim, type Victim } from './process.ts'

/** One paywall of a shop. Prices and amounts as people write them. */
export interface WallOrder {
  readonly price: string
  readonly credit?: string | { readonly start: bigint; readonly max: bigint; readonly ramp: bigint }
  /** Haggles down to this price. */
  readonly floor?: string
  readonly scope?: string
  readonly graceMs?: number
  readonly offerLifeMs?: number
  readonly source: SourceOrder
}

/** A seller with a ledger, a port and limits of its own; all shops of the process share its node. */
export interface ShopOrder {
  /** By path. */
  readonly walls: Readonly<Record<string, WallOrder>>
  readonly maxUnpaidAgreements?: number
  readonly limits?: Partial<SellerLimits>
}

export interface Shop {
  readonly id: number
  readonly url: string
}

/** What a shop had its node and its ledger do, by method. */
export interface ShopFigures {
  readonly nodeCalls: Readonly<Record<string, number>>
  readonly ledgerCalls: Readonly<Record<string, number>>
  /** Codes of failures that the seller told its operator of. */
  readonly errors: readonly string[]
  readonly connections: number
}

export interface SellerCalls {
  publicKey(): Promise<string>
  open(order: ShopOrder): Promise<Shop>
  figures(id: number): Promise<ShopFigures>
  shut(id: number): Promise<void>
  /** The node's own record of what was paid to it. */
  settlements(): Promise<readonly Settlement[]>
  /** The node's own record of what it paid. */
  lookup(paymentHash: string): Promise<PaymentOutcome | undefined>
  held(): Promise<number>
}

const METHODS = ['publicKey', 'open', 'figures', 'shut', 'settlements', 'lookup', 'held'] as const

/** Our seller, in a process of its own, on a real node. */
export const startSeller = (home: string): Promise<Victim<SellerCalls>> =>
  startVictim<SellerCalls>('./sellerProcess.ts', home, METHODS)

/** Methods of the ledger that a stranger could make write. (A settlement is written too, and was paid for.) */
export const WRITES = ['addAgreement', 'addInvoices', 'lease', 'close', 'addReturn', 'endReturn'] as const
