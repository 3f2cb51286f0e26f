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
 * Calls take effect in their order.
 */
export interface Ledger {
  /** Index of the last settlement written: where the node's subscription resumes. 0n at first. */
  settlementIndex(): Promise<bigint>
  /** Writes an agreement with its first invoices. Idempotent: `false`, and nothing written, if the id exists. */
  addAgreement(agreement: Agreement, createdAtMs: number, invoices: readonly InvoiceRecord[]): Promise<boolean>
  /** Rejects for an unknown agreement: those invoices must not be shown to anybody. */
  addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void>
  getAgreement(id: string): Promise<AgreementRecord | undefined>
  /**
   * Forgets the open agreements that were made before `unpaidSinceMs` and never paid, and have no invoice that was still good
   * at that time. Returns how many.
   */
  pruneUnpaid(unpaidSinceMs: number): Promise<number>
  /** How many open agreements wait for their first payment. */
  countOpen(): Promise<{ readonly unpaid: number }>
  /** How many invoices of an agreement are neither settled nor expired. */
  countOpenInvoices(agreementId: string, nowMs: number): Promise<number>
  /**
   * Books a settlement, exactly once: the payment, the agreement's total and the index, in one transaction. Also for a closed
   * agreement, whose balance grows by it. Returns the agreement's id and its new total; `undefined` if the hash is not ours or
   * was already booked (the index still moves).
   */
  settle(settlement: Settlement): Promise<{ readonly agreementId: string; readonly paid: Msat } | undefined>
  /**
   * Writes how far delivery is known to be, and how far it may go before the next write. Neither ever moves back.
   * Rejects if the agreement is closed or unknown: then nothing may leave.
   */
  lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void>
  /**
   * Closes: the final count, which may be less than was leased, and the signed statement (canonical JSON). Idempotent: the first
   * statement stays, and is returned. Rejects for an unknown agreement.
   */
  close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string>
  closingStatement(agreementId: string): Promise<string | undefined>
  /**
   * Books a return before it is sent. Refused (`false`) if the hash was booked before, or the amount is zero or exceeds
   * `paid - cost of leasedSteps - returned`, checked in the same transaction. (Once closed, what is leased is what was delivered.)
   */
  addReturn(claim: Omit<ReturnRecord, 'status' | 'fee'>): Promise<boolean>
  /** Ends a return. `failed` gives the amount back to the agreement's balance. Idempotent. */
  endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void>
  /** In the order of their hashes. */
  pendingReturns(): Promise<ReturnRecord[]>
  /** Ends the use of the store. */
  end(): Promise<void>
}
