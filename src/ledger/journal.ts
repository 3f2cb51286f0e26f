import type { Msat } from '../money/msat.ts'

/** A payment as the buyer keeps it. Written as `pending` before it is sent; only the node's word ends it. */
export interface JournalPayment {
  readonly paymentHash: string
  readonly request: string
  readonly agreementId: string
  /** Origin of the seller, such as `http://127.0.0.1:2402`. */
  readonly origin: string
  readonly amount: Msat
  /** The most that routing may add. Counted as spent until the outcome is known. */
  readonly maxFee: Msat
  readonly createdAtMs: number
  readonly status: 'pending' | 'settled' | 'failed' | 'unknown'
  readonly fee: Msat
  /** Set when settled: proof of payment. */
  readonly preimage?: string
}

/** A payment that is about to be sent. */
export type NewPayment = Omit<JournalPayment, 'status' | 'fee' | 'preimage'>

/** What the node said became of a payment. */
export interface PaymentEnd {
  readonly status: 'settled' | 'failed' | 'unknown'
  /** What routing cost; zero unless settled. */
  readonly fee: Msat
  readonly preimage?: string
}

/** An agreement as the buyer keeps it, to resume or close it later. The secret makes this file worth protecting: 0600. */
export interface JournalAgreement {
  readonly id: string
  readonly secret: string
  readonly url: string
  /** HTTP method of the request that led to it: control actions repeat it. */
  readonly method: string
  /** The challenge and the agreement as they came over the wire, JSON. */
  readonly challenge: string
  readonly agreement: string
  readonly createdAtMs: number
  readonly state: 'open' | 'closed'
  /** The seller's signed closing statement, JSON. */
  readonly statement?: string
}

/**
 * The buyer's book. Every implementation passes `journal.contract.ts`. What resolved is kept, whatever happens next; a rejected
 * promise is a StreamError `ledger-failed`, and then nothing of the call was written. Calls take effect in their order.
 */
export interface Journal {
  /** Idempotent: an agreement whose id is known stays as it is. */
  addAgreement(agreement: JournalAgreement): Promise<void>
  /** Idempotent: the first statement stays. Without one the agreement is closed as well, and a later one is still kept. */
  closeAgreement(id: string, statement: string | undefined): Promise<void>
  /** Oldest first. */
  openAgreements(): Promise<JournalAgreement[]>
  /** Writes a payment that is about to be sent. `false` if this payment hash was ever written before: then it must not be sent. */
  addPayment(payment: NewPayment): Promise<boolean>
  /** Notes an outcome. `settled` and `failed` are final and never overwritten; `unknown` may still become either. */
  endPayment(paymentHash: string, end: PaymentEnd): Promise<void>
  /** Payments whose outcome is pending or unknown, oldest first. */
  openPayments(): Promise<JournalPayment[]>
  /** Settled amounts and fees, plus amount and maxFee of all that is pending or unknown, written at or after `sinceMs`. */
  spentSince(sinceMs: number, origin?: string): Promise<Msat>
  /** Ends the use of the store. */
  end(): Promise<void>
}
