import type { Msat } from '../money/msat.ts'
import type { KeptLimit, LimitName, Limits, LimitUse, Spending } from './limits.ts'

/** A payment as the buyer keeps it. Written as `pending` before it is sent; only the node's word ends it. */
export interface JournalPayment {
  readonly paymentHash: string
  readonly request: string
  readonly agreementId: string
  /** Origin of the seller, such as `http://127.0.0.1:2402`. */
  readonly origin: string
  /** Public key of the node that was asked to pay: only this node knows what became of it. Empty in a journal of version 0.1. */
  readonly payer: string
  readonly amount: Msat
  /** The most that routing may add. Counted as spent until the outcome is known. */
  readonly maxFee: Msat
  readonly createdAtMs: number
  readonly status: 'pending' | 'settled' | 'failed' | 'unknown'
  readonly fee: Msat
  /** Set when settled: proof of payment. */
  readonly preimage?: string
  /** The program that had it paid, where several pay from one journal. */
  readonly caller?: string
}

/** A payment that is about to be sent. */
export interface NewPayment extends Omit<JournalPayment, 'status' | 'fee' | 'preimage'> {
  /**
   * What was received on the agreement so far, noted with the payment: so also by the journal of a killed process no more than `ahead` was
   * paid for what it had not received.
   */
  readonly receivedSteps: bigint
}

/** What became of the wish to write a payment. Only one that was written may be sent. */
export type Writing =
  /** `near`: limits of which it uses the last fifth for the first time. */
  | { readonly written: true; readonly near: readonly LimitUse[] }
  /** This payment hash was written before: whatever became of it, it must not be sent again. */
  | { readonly written: false; readonly reason: 'known' }
  /** It would pass a limit. `spent` is without it. */
  | { readonly written: false; readonly reason: 'limit'; readonly use: LimitUse }

/** What the node said became of a payment. */
export interface PaymentEnd {
  readonly status: 'settled' | 'failed' | 'unknown'
  /** What routing cost; zero unless settled. */
  readonly fee: Msat
  readonly preimage?: string
}

/** A payment back that the buyer asked for. */
export interface JournalReturn {
  /** The buyer's own invoice. */
  readonly invoice: string
  /** Zero while nobody said how much: of a session, until it is closed. */
  readonly amount: Msat
  /** `settled` is the word of the buyer's own node. `failed`: it may be asked for anew. */
  readonly status: 'asked' | 'settled' | 'failed'
}

/** Something is said to come back on it, and did not yet. */
export const isAwaited = ({ amount, status }: JournalReturn): boolean => status === 'asked' && amount > 0n

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
  /** The program that it was made for, where several pay from one journal. */
  readonly caller?: string
  readonly state: 'open' | 'closed'
  /** Steps that were received, by the buyer's own count. A process that was killed may have received a little more. */
  readonly receivedSteps: bigint
  /** The seller's signed closing statement, JSON. */
  readonly statement?: string
  /** What the seller said of it that cannot be: code and words. */
  readonly fault?: string
  /** In the order in which they were asked for: more than one where one failed, or where a payment settled after the close. */
  readonly returns: readonly JournalReturn[]
}

export type NewAgreement = Omit<JournalAgreement, 'state' | 'receivedSteps' | 'statement' | 'fault' | 'returns'>

/** Which payments or agreements are wanted. All that is named must fit. */
export interface PaymentFilter {
  readonly agreementId?: string
  /** Pending or unknown only. */
  readonly open?: boolean
  readonly sinceMs?: number
  readonly caller?: string
  /** Those before this one, in the order of time and hash: to go on where an earlier answer began. */
  readonly before?: Pick<JournalPayment, 'createdAtMs' | 'paymentHash'>
  /** Only so many, and of these the newest. */
  readonly newest?: number
}

/** What was spent, by what limits look at. */
export interface SpendingReport extends Pick<Spending, 'day' | 'fees' | 'total'> {
  /** In the last 24 hours, by host. */
  readonly hosts: ReadonlyMap<string, Msat>
}

/**
 * The buyer's book. Every implementation passes `journal.contract.ts`. What resolved is kept, whatever happens next; a rejected
 * promise is a StreamError `ledger-failed`, and then nothing of the call was written. Calls take effect in their order.
 *
 * Several processes may share one. Each *holds* the agreements that it made or took up and the payments that it wrote, until
 * it ends, however it ends; nobody else takes up an agreement, or judges a payment, that is held.
 */
export interface Journal {
  /** Adds and holds. Idempotent: an agreement whose id is known stays as it is, and whose it is. */
  addAgreement(agreement: NewAgreement): Promise<void>
  /** Takes an agreement up: `false` if somebody holds it, in this process too, or it is unknown. */
  holdAgreement(id: string): Promise<boolean>
  /** Gives an agreement back, and those of its payments that are still open, for others to take up. */
  releaseAgreement(id: string): Promise<void>
  /** Notes how many steps were received. Never moves back. Survives a killed process; a power cut may take the last ones. */
  noteReceived(agreementId: string, steps: bigint): Promise<void>
  /** Idempotent: the first statement stays. Without one the agreement is closed as well, and a later one is still kept. */
  closeAgreement(id: string, statement: string | undefined): Promise<void>
  /** Notes what a seller said that cannot be. The first stays. */
  noteFault(agreementId: string, fault: string): Promise<void>
  /** Notes a return, known by its invoice, before it is asked for, and what became of it. One that settled stays settled. */
  noteReturn(agreementId: string, entry: JournalReturn): Promise<void>
  getAgreement(id: string): Promise<JournalAgreement | undefined>
  /** Oldest first. */
  agreements(state?: JournalAgreement['state']): Promise<JournalAgreement[]>
  /**
   * Writes a payment that is about to be sent, unless it would pass a limit: those kept here, and `limits`. Both are held
   * against all that processes which share this journal have written, in the same transaction.
   */
  addPayment(payment: NewPayment, limits?: Limits): Promise<Writing>
  /**
   * As `addPayment`, for an invoice that a person asks to pay again: one that failed is written anew, in its old place. For any other
   * known one it answers `known`, since it was paid, or may yet be.
   */
  repeatPayment(payment: NewPayment, limits?: Limits): Promise<Writing>
  /** Notes an outcome. `settled` and `failed` are final and never overwritten; `unknown` may still become either. */
  endPayment(paymentHash: string, end: PaymentEnd): Promise<void>
  getPayment(paymentHash: string): Promise<JournalPayment | undefined>
  /** Oldest first. */
  payments(filter?: PaymentFilter): Promise<JournalPayment[]>
  /** Pending and unknown payments that nobody follows any more: what is to be recovered. Oldest first. */
  abandonedPayments(): Promise<JournalPayment[]>
  /** Limits that were set. */
  limits(): Promise<KeptLimit[]>
  /** Sets a limit, or takes it away. `host` goes with the name `host` only. */
  setLimit(name: LimitName, amount: Msat | undefined, host?: string): Promise<void>
  spending(): Promise<SpendingReport>
  /** What one caller spent: in all, and in the last 24 hours. */
  callerSpending(caller: string): Promise<{ readonly total: Msat; readonly day: Msat }>
  /** Ends the use of the store. */
  end(): Promise<void>
}
