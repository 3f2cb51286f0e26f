import type { Settlement } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import type { Agreement } from '../terms/terms.ts'

/**
 * Under which of the field's schemes an agreement is, that was made for the invoice of a 402. `offered`: nobody showed yet that it paid.
 * `top-up`: what was paid went to a session.
 */
export type ClaimScheme = 'offered' | 'charge' | 'l402' | 'session' | 'top-up'

/** Who an invoice of a 402 serves. The first claim of one stays: so each payment hash is used once, under one scheme. */
export interface Claim {
  readonly scheme: ClaimScheme
  /** Of a session the buyer's return invoice, of a top-up the session's agreement. */
  readonly reference?: string
}

/** An agreement as the seller keeps it. */
export interface AgreementRecord {
  readonly agreement: Agreement
  /** Absent for an agreement of `intent="stream"`, which its secret opens. */
  readonly claim?: Claim
  readonly createdAtMs: number
  readonly state: 'open' | 'closed'
  /** Steps that have left or were about to when this was written. After a crash up to `leasedSteps - deliveredSteps` more may have. */
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

/** Money on its way back to a buyer: a claim that lives until it is settled, or its invoice can no longer be paid. */
export interface ReturnRecord extends NewReturn {
  readonly status: 'pending' | 'settled' | 'failed'
  readonly fee: Msat
  /** How often it was tried in vain. */
  readonly attempts: number
  /** It is not tried again before this time. 0 at first. */
  readonly nextAttemptMs: number
  /** Why the last attempt did not settle, in a word. */
  readonly failure?: string
}

/** A claim that is about to be booked. */
export interface NewReturn {
  readonly agreementId: string
  readonly paymentHash: string
  /** The buyer's invoice, BOLT 11. */
  readonly request: string
  readonly amount: Msat
  /** When the invoice expires. */
  readonly expiresAtMs: number
}

/** An attempt to pay a claim that did not settle it. */
export type ReturnDelay = Pick<ReturnRecord, 'attempts' | 'nextAttemptMs'> & { readonly failure: string }

/** What a settlement was booked on. */
export interface Settled {
  readonly agreementId: string
  /** The agreement's new total. Of a forgotten agreement: what arrived. */
  readonly paid: Msat
  /** The agreement was forgotten, unpaid, before this arrived: nothing was booked, and a person has to see to it. Told once. */
  readonly forgotten?: true
}

/** What the seller owes: balances that their buyers can ask for. */
export interface Owed {
  readonly amount: Msat
  readonly agreements: number
}

/** Claims of one agreement that may be pending or settled: each may cost the seller a routing fee. */
export const MAX_RETURNS = 16
/** Invoices of forgotten agreements that are remembered, so that a late payment is not taken for a stranger's. */
export const MAX_FORGOTTEN = 100_000

/**
 * The seller's book: agreements, the payments that settled, and what was delivered. Every implementation passes
 * `ledger.contract.ts`. A rejected promise is a StreamError `ledger-failed`, and then nothing of the call was written.
 * Calls take effect in their order.
 */
export interface Ledger {
  /** Counts a start of the seller, and returns how many there were with this one. On the disk when it resolves. */
  countStart(): Promise<bigint>
  /** Index of the last settlement written: where the node's subscription resumes. 0n at first. */
  settlementIndex(): Promise<bigint>
  /** Writes an agreement with its first invoices. Idempotent: `false`, and nothing written, if the id exists. */
  addAgreement(
    agreement: Agreement,
    createdAtMs: number,
    invoices: readonly InvoiceRecord[],
    /** It is for the invoice of a 402, and has no secret. */
    offered?: 'offered',
  ): Promise<boolean>
  /**
   * Claims an agreement that is only offered: the first claim of each stays. Returns the one that stands; `undefined` for an agreement
   * that was never offered, and an unknown one.
   */
  claim(agreementId: string, claim: Claim): Promise<Claim | undefined>
  /**
   * Moves what was paid on an offered agreement to an open session, and claims it as that one's top-up, in one transaction. Returns
   * the session's new total, also when this was done before; `undefined`, and nothing moved, if either is something else, or nothing was
   * paid yet.
   */
  topUp(agreementId: string, sessionId: string): Promise<Msat | undefined>
  /** Ids of the sessions that are open, and of those that were closed while nothing of a balance of `least` or more was claimed. */
  unfinishedSessions(least: Msat): Promise<string[]>
  /** Rejects for an unknown agreement: those invoices must not be shown to anybody. */
  addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void>
  getAgreement(id: string): Promise<AgreementRecord | undefined>
  /**
   * Forgets the agreements, open or closed, that were made before `unpaidSinceMs` and never paid, and have no invoice that was still
   * good at that time. Returns how many. The newest 100,000 of their invoices are remembered: see `Settled.forgotten`.
   */
  pruneUnpaid(unpaidSinceMs: number): Promise<number>
  /** How many open agreements wait for their first payment, without those that are only offered. */
  countOpen(): Promise<{ readonly unpaid: number }>
  /** When the oldest of them was made; `undefined` if there is none. */
  oldestUnpaidMs(): Promise<number | undefined>
  /** How many invoices of an agreement are neither settled nor expired. */
  countOpenInvoices(agreementId: string, nowMs: number): Promise<number>
  /** When the first of them expires; `undefined` if there is none. */
  nextInvoiceExpiryMs(agreementId: string, nowMs: number): Promise<number | undefined>
  /**
   * Books a settlement, exactly once: the payment, the agreement's total and the index, in one transaction. Also for a closed
   * agreement, whose balance grows by it. Returns the agreement's id and its new total; `undefined` if the hash is not ours or
   * was already booked (the index still moves).
   */
  settle(settlement: Settlement): Promise<Settled | undefined>
  /**
   * Writes how far delivery is, with the steps that are about to leave, and how far it may go before the next write; at least as
   * far as it is. What is written replaces what was: both move back when steps were taken back that did not leave or are not
   * charged. Rejects if the agreement is closed or unknown: then nothing may leave.
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
   * `paid - cost of leasedSteps - returned`, or 16 claims of the agreement are pending or settled, checked in the same transaction.
   * (Once closed, what is leased is what was delivered.)
   */
  addReturn(claim: NewReturn): Promise<boolean>
  getReturn(paymentHash: string): Promise<ReturnRecord | undefined>
  /** Notes that an attempt to pay a pending claim did not settle it. Nothing happens to any other. */
  delayReturn(paymentHash: string, delay: ReturnDelay): Promise<void>
  /** Ends a return. `failed` gives the amount back to the agreement's balance. Idempotent. */
  endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void>
  /** In the order of their hashes. */
  pendingReturns(): Promise<ReturnRecord[]>
  /** Balances of `least` and more on agreements that are closed or have expired, without what is claimed already. */
  owed(nowMs: number, least: Msat): Promise<Owed>
  /** Ends the use of the store. */
  end(): Promise<void>
}
