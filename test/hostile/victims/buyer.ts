import type { PaymentOutcome, Settlement } from '../../../src/lightning/node.ts'
import { startVictim, type Victim } from './process.ts'

/** What the attacked buyer is to buy. Amounts as people write them. */
export interface PurchaseOrder {
  readonly url: string
  readonly max?: string
  readonly ahead?: string
  readonly maxPrice?: string
  readonly stallMs?: number
  /** How often it fetches, one after the other. */
  readonly fetches?: number
  /** How many at once. */
  readonly atOnce?: number
  /** The reader leaves after so many bytes: it saw that they are junk. */
  readonly stopAfter?: number
  /** The caller's own patience with one fetch, in ms. */
  readonly patienceMs?: number
  /** Its memory is measured: collections run all the while, so that what counts is held and no garbage. */
  readonly weighed?: boolean
  /** Leaves the agreements open. */
  readonly keep?: boolean
}

export interface Fetched {
  readonly status: number | undefined
  /** Bytes that the reader was given. */
  readonly bytes: number
  /** Events with generated text in them, as this reader counts them: one token each. */
  readonly tokens: number
  /** Time from the request to its end, in ms. */
  readonly ms: number
  /** The code of the error that the reader got; `patience` if it had to give up by itself. */
  readonly error: string | undefined
}

/** What became of a purchase: what the buyer says, and beside it what its node was asked and what the node says. */
export interface Purchase {
  readonly fetched: readonly Fetched[]
  readonly closing: string | undefined
  readonly closings: ReadonlyArray<{
    readonly returned: string
    readonly amount: bigint
    readonly dispute: string | undefined
  }>
  readonly spent: bigint
  readonly agreements: number
  /** Every invoice that the node was asked to pay. */
  readonly attempts: ReadonlyArray<{
    readonly paymentHash: string
    readonly amount: bigint
  }>
  /** Invoices that the buyer's node made, to be paid back to. */
  readonly asked: readonly string[]
  /** By how much what the main thread holds had grown at its highest, in bytes; 0 if it was not weighed. */
  readonly grownAtMost: number
}

export interface BuyerCalls {
  publicKey(): Promise<string>
  connect(publicKey: string): Promise<void>
  buy(order: PurchaseOrder): Promise<Purchase>
  /** The node's own record of what was paid to it. */
  settlements(): Promise<readonly Settlement[]>
  /** The node's own record of what it paid. */
  lookup(paymentHash: string): Promise<PaymentOutcome | undefined>
  held(): Promise<number>
}

const METHODS = ['publicKey', 'connect', 'buy', 'settlements', 'lookup', 'held'] as const

/** Our buyer, in a process of its own, on a real node. */
export const startBuyer = (home: string): Promise<Victim<BuyerCalls>> =>
  startVictim<BuyerCalls>('./buyerProcess.ts', home, METHODS)
