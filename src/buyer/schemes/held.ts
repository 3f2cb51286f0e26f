import type { StreamError } from '../../errors/error.ts'
import type { JournalAgreement } from '../../ledger/journal.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import type { Wallet } from '../payments/payer.ts'
import type { Paid } from './paying.ts'
import type { PrepaidScheme } from './prepayment.ts'
import { Receipts } from './receipts.ts'
import type { Refund } from './session.ts'
import type { SessionAccount } from './sessionAccount.ts'
import { type Token, wasAnswered, wasRefused } from './token.ts'

/** How something prepaid stands: the same names in every place that shows it. */
export interface PrepaidSummary {
  /** The buyer's own id, under which the journal has it. */
  readonly agreement: string
  readonly scheme: PrepaidScheme
  readonly url: string
  readonly paymentHash: string
  readonly paid: Msat
  readonly fees: Msat
  /** Payments of this buyer object: none for what an earlier run bought. */
  readonly payments: number
  /** What this buyer object used of it, by its own count; of a charge or a token that it bought all, once there was an answer. */
  readonly received: Msat
  /** Requests that were answered on it. */
  readonly uses: number
  /** Requests that are being answered; of a session until the answer is read. */
  readonly active: number
  /** An earlier run bought it. */
  readonly resumed: boolean
  /** `open` while it may be used again, also by a later run. */
  readonly state: 'open' | 'closed'
  /** Of a session that was closed: what became of what was left. */
  readonly refund?: Refund
  /** What the seller's receipts say that cannot be: `receipt-mismatch`. What came is not undone by it. */
  readonly receiptFault?: StreamError
}

/** A token in the hands of this process. */
export class Held {
  /** Its challenge is another once the first has expired. */
  token: Token
  readonly preimage: string
  fees: Msat
  /** Of the last request that was made where it was bought: what goes with what is said about it (see `controlHeaders`). */
  ownHeaders: RequestInit['headers']
  /** Deposits of a session that were made later are in it. */
  paid: Msat
  /** Of a session that was opened. */
  account: SessionAccount | undefined
  refund: Refund | undefined
  readonly receipts: Receipts
  /** Payment hashes of its further deposits that are being paid. */
  readonly paying = new Set<string>()
  payments: number
  uses = 0
  active = 0
  readonly #resumed: boolean
  /** It was answered with something else than a 402, now or in an earlier run. */
  wasGood: boolean
  /** Refused after it was paid for, now or in an earlier run: tried once more before it is given up. */
  wasRefused: boolean
  /** What earlier runs paid for it, with the further deposits of a session. How much of that they used, only the seller knows. */
  readonly before: Msat
  state: PrepaidSummary['state'] = 'open'
  /** A write that nobody waited for yet. */
  noting: Promise<void> | undefined
  /** The closing of a session that is under way: nothing new is asked on it. */
  ending: Promise<void> | undefined

  /** @param earlier what an earlier run left of it */
  constructor(
    { journal }: Wallet,
    token: Token,
    { preimage, fee }: Paid,
    earlier?: { readonly entry: JournalAgreement; readonly paid: Msat },
  ) {
    this.token = token
    this.preimage = preimage
    this.fees = fee
    this.paid = earlier?.paid ?? token.amount
    this.before = earlier?.paid ?? ZERO
    this.payments = earlier ? 0 : 1
    this.#resumed = earlier !== undefined
    this.receipts = new Receipts(token, (fault) => journal.noteFault(token.id, fault))
    this.wasGood = earlier !== undefined && wasAnswered(earlier.entry)
    this.wasRefused = earlier !== undefined && wasRefused(earlier.entry)
  }

  get isUsable(): boolean {
    return this.state === 'open' && !this.ending
  }

  summary(): PrepaidSummary {
    const { id: agreement, scheme, url, paymentHash } = this.token
    const { paid, fees, payments, uses, active, state, refund } = this
    const { fault: receiptFault } = this.receipts
    const whole = this.#resumed || uses === 0 ? ZERO : paid
    const received = scheme === 'session' ? (this.account?.spent ?? ZERO) : whole
    const figures = { paid, fees, payments, received, uses, active }
    const resumed = this.#resumed
    const told = { ...(refund && { refund }), ...(receiptFault && { receiptFault }) }
    return { agreement, scheme, url, paymentHash, ...figures, resumed, state, ...told }
  }
}
