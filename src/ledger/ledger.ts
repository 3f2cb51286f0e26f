import type { Settlement } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import type { Agreement } from '../terms/terms.ts'

/** An agreement as the seller keeps it. */
export interface AgreementRecord {
  readonly agreement: Agreement
  readonly createdAtMs: number
  readonly state: 'open' | 'closed'
  /** Steps known to have left. After a crash up to `leasedSteps - deliveredSteps` more may have. */
  readonly deliveredSteps: bigint
  /** Steps that may leave without another write. Written before the first of them does. */
  readonly leasedSteps: bigint
  readonly paid: Msat
  /** Returned to the buyer, or on its way to it: a claim of unknown outcome counts as returned. */
  readonly returned: Msat
  /** Payments settled, as a count. */
  readonly payments: number
}

/** An invoice minted for an agreement. Written before the buyer sees it, so that no payment can arrive for nothing. */
export interface InvoiceRecord {
  readonly paymentHash: string
  readonly amount: Msat
  readonly expiresAtMs: number
}

/** Money on its way back to a buyer: a claim that lives until it is settled. */
export interface ReturnRecord {
  readonly agreementId: string
  readonly paymentHash: string
  readonly request: string
  readonly amount: Msat
  readonly status: 'pending' | 'settled' | 'failed'
  readonly fee: Msat
}

/**
 * The seller's book: agreements, the payments that settled, and what was delivered. Every implementation passes
 * `ledger.contract.ts`. A rejected promise is a StreamError `ledger-failed`, and then nothing of the call was written.
 */
export interface Ledger {
  /** Index of the last settlement written: where the node's subscription resumes. 0n at first. */
  settlementIndex(): Promise<bigint>
  /** Writes an agreement with its first invoices. Idempotent: `false`, and nothing written, if the id exists. */
  addAgreement(agreement: Agreement, createdAtMs: number, invoices: readonly InvoiceRecord[]): Promise<boolean>
  addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void>
  getAgreement(id: string): Promise<AgreementRecord | undefined>
  /** All open agreements that were paid, or are younger than `unpaidSinceMs`; the oldest unpaid ones are forgotten here. */
  pruneUnpaid(unpaidSinceMs: number): Promise<number>
  countOpen(): Promise<{ readonly paid: number; readonly unpaid: number }>
  /** How many invoices of an agreement are neither settled nor expired. */
  countOpenInvoices(agreementId: string, nowMs: number): Promise<number>
  /**
   * Books a settlement, exactly once: the payment, the agreement's total and the index, in one transaction.
   * Returns the agreement's id and its new total; `undefined` if the hash is not ours or was already booked (the index still moves).
   */
  settle(settlement: Settlement): Promise<{ readonly agreementId: string; readonly paid: Msat } | undefined>
  /** Writes how far delivery is known to be, and how far it may go before the next write. Neither ever moves back. */
  lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void>
  /** Closes: final count and signed statement (canonical JSON). Idempotent: the first statement stays, and is returned. */
  close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string>
  closingStatement(agreementId: string): Promise<string | undefined>
  /**
   * Books a return before it is sent. Refused (`false`) if the hash was booked before, or the amount exceeds
   * `paid - cost of deliveredSteps - returned`, checked in the same transaction.
   */
  addReturn(claim: Omit<ReturnRecord, 'status' | 'fee'>): Promise<boolean>
  /** Ends a return. `failed` gives the amount back to the agreement's balance. Idempotent. */
  endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void>
  pendingReturns(): Promise<ReturnRecord[]>
  /** Ends the use of the store. */
  end(): Promise<void>
}
