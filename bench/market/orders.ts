/** What a seller's process is to be. */
export interface SellerOrder {
  readonly home: string
  /** Of its node. */
  readonly name: string
  readonly ledger: string
  /** 64 hex digits: with the ledger, what makes it the same seller after a restart. */
  readonly secret: string
  /** 0 takes a free one. */
  readonly port: number
  readonly price: string
  readonly kind: SellerKind
  readonly floor: string
  readonly credit: string
  /** Another seller, on another node, is ready to take its place. */
  readonly stranger: boolean
}

export const KINDS = ['floor', 'fixed', 'load', 'volume', 'hours'] as const
export type SellerKind = (typeof KINDS)[number]

export interface SellerReady {
  readonly url: string
  readonly payee: string
}

/** A seller's own books at its end. Amounts in msat, as decimal strings. */
export interface SellerBooks {
  /** What its node settled, by payment hash. */
  readonly settled: ReadonlyArray<readonly [string, string]>
  /** By agreement: what it was paid, and the most that it had delivered unpaid. */
  readonly accounts: ReadonlyArray<{ readonly id: string; readonly paid: string; readonly maxUnpaid: string }>
  readonly trouble: readonly string[]
}

/** What the buyers are to do. */
export interface BuyersOrder {
  readonly home: string
  readonly buyers: number
  readonly seconds: number
  readonly seed: number
  readonly sellers: readonly SellerReady[]
  /** Around which what it is worth to each is drawn. */
  readonly price: string
  readonly ahead: string
  readonly max: string
}

export interface Tick {
  readonly requests: number
  readonly refused: number
  readonly failed: number
  readonly agreements: number
  readonly reading: number
}

/** One agreement in a buyer's books. */
export interface AgreementResult {
  readonly id: string
  readonly url: string
  /** msat for so many steps. */
  readonly price: { readonly msat: bigint; readonly per: bigint; readonly unit: string }
  readonly paid: bigint
  readonly state: 'open' | 'closed'
  /** Of the closing statement. */
  readonly delivered?: bigint
  readonly stated?: bigint
  readonly returned: bigint
  /** Asked back, and not arrived. */
  readonly pending: bigint
}

export interface BuyerResult {
  readonly kind: string
  /** Its limit: msat for so many steps. */
  readonly limit: { readonly msat: bigint; readonly per: bigint; readonly unit: string }
  readonly requests: number
  readonly bytes: number
  /** Attempts that ended without a purchase, by code: no terms, or a seller that failed. */
  readonly ends: Readonly<Record<string, number>>
  readonly left: number
  readonly spent: bigint
  readonly max: bigint
  readonly maxAhead: bigint
  readonly ahead: bigint
  readonly agreements: readonly AgreementResult[]
  /** Set if it did not come to its end in time. */
  readonly stuck?: string
}

export interface PaymentResult {
  readonly paymentHash: string
  readonly amount: bigint
}

export interface BuyersResult {
  readonly buyers: readonly BuyerResult[]
  readonly payments: readonly PaymentResult[]
  /** What came back, by the node of the buyers. */
  readonly returns: readonly PaymentResult[]
  /** Payments whose outcome nobody knows yet. */
  readonly open: number
}

/** How an attempt may end where the two sides do not come to terms, and nothing is wrong. */
export const REFUSALS: readonly string[] = [
  'price-too-high',
  'rounds-exhausted',
  'unit-mismatch',
  'terms-refused',
  'strategy-failed',
]
