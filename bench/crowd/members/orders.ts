import type { LndOptions } from '../../../src/lightning/lnd/index.ts'

/** How the members reach the node that they share. */
export type NodeOrder =
  | { readonly kind: 'lnd'; readonly options: LndOptions }
  | { readonly kind: 'embedded'; readonly home: string; readonly name: string; readonly payee: string }

/** What the members are to do. */
export interface RunOrder {
  readonly buyers: number
  readonly viewers: number
  /** Of the time in which all are there, after `joinMs`. */
  readonly seconds: number
  readonly joinMs: number
  /** Where models and the film are, without a slash at the end. */
  readonly url: string
  readonly tokensPerSecond: number
  /** How long a film may stand still, or a stream give no token, before it is a stall. */
  readonly gapMs: number
  /** Without it nothing is paid, and nobody asks for money. */
  readonly paid?: { readonly node: NodeOrder; readonly ahead: string }
}

/** Now, of all members; amounts in msat. */
export interface Tick {
  readonly tokens: number
  readonly playMs: number
  readonly payments: number
  readonly paid: bigint
  readonly reading: number
  readonly stalls: number
  /** How often the seller let nothing out for want of money, and payments that are on their way. */
  readonly held: number
  readonly inFlight: number
  readonly failed: number
}

export interface Stalls {
  readonly count: number
  readonly longestMs: number
  readonly totalMs: number
}

/** How it went for one member. */
export interface MemberResult {
  readonly kind: 'buyer' | 'viewer'
  /** While all were there: tokens, or ms of playing time that were loaded. */
  readonly got: number
  readonly firstMs: number | undefined
  /** While all were there, and before. */
  readonly stalls: Stalls
  readonly joining: Stalls
  readonly error?: string
  readonly trade?: TradeResult
}

/** The books of one agreement, and what the seller's closing says of it. */
export interface TradeResult {
  readonly agreement: string
  readonly paid: bigint
  readonly received: bigint
  readonly inFlight: bigint
  readonly fees: bigint
  readonly payments: number
  readonly maxAhead: bigint
  readonly ahead: bigint
  readonly maxUnpaid: bigint
  readonly credit: bigint
  /** For how long the seller let nothing out because it was not paid. */
  readonly haltedMs: number
  readonly halted: number
  readonly closing?: {
    readonly paid: bigint
    readonly delivered: bigint
    readonly balance: bigint
    readonly returned: 'settled' | 'pending' | 'failed' | 'kept' | 'nothing'
    readonly amount: bigint
    readonly dispute?: string
  }
}

/** One payment: for what, how much by the payer's journal, when its node was asked and how long that took. Times from the start of the run. */
export interface PaymentResult {
  readonly paymentHash: string
  readonly agreement: string
  readonly amount: bigint
  readonly atMs: number
  readonly tookMs: number
  readonly settled: boolean
}

export interface RunResult {
  readonly members: readonly MemberResult[]
  readonly payments: readonly PaymentResult[]
  /** Payment hashes of what came back. */
  readonly returns: readonly string[]
  /** From the start of the run to the moment from which all were taken to be there, and to its end. */
  readonly fromMs: number
  readonly toMs: number
  /** Of an event loop that comes late: at the 99th percentile, in ms. */
  readonly lagMs: number
}
