import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError, toStreamError } from '../../errors/error.ts'
import type { Journal, Writing } from '../../ledger/journal.ts'
import type { Limits, LimitUse } from '../../ledger/limits.ts'
import type { PayingNode, PaymentOutcome } from '../../lightning/node.ts'
import { MAX_MSAT, type Msat, max, min, minus, msat, ZERO } from '../../money/msat.ts'
import { creditAt } from '../../terms/credit.ts'
import type { Agreement } from '../../terms/terms.ts'
import type { Pace } from '../../window/pace.ts'
import { RateMeter } from '../../window/rate.ts'
import {
  type Decision,
  decide,
  leastWorthSending,
  paymentLadder,
  paymentSize,
  type WindowState,
} from '../../window/window.ts'
import type { Budget } from '../budget.ts'
import { NO_PAST, type Past } from '../journal/past.ts'
import { type CheckedInvoice, InvoicePool } from './invoices.ts'
import { type FollowedPayment, Follower } from './outcome.ts'

/** What all payers of one wallet share. */
export interface Wallet {
  readonly node: PayingNode
  /** `payerOf` the node: who asks later what became of a payment must ask this one. */
  readonly payer: string
  readonly journal: Journal
  /** Held against what is in the journal, besides the limits that are kept there. */
  readonly limits: Limits
  /** Told when the last fifth of a limit is begun. */
  readonly onNear: (uses: readonly LimitUse[]) => void
  readonly budget: Budget
  readonly pace: Pace
  /** The most that routing may cost, in parts per thousand of a payment. */
  readonly feePerMille: bigint
}

/** What the payer is told of the trade it pays for. */
export interface Consumption {
  /** Cost of what was received, rounded down. */
  readonly received: Msat
  readonly receivedSteps: bigint
  /** Cost of what can still come; `undefined` where no end is known. */
  readonly demand: Msat | undefined
  /** Requests came one after the other on this agreement. */
  readonly goesOn: boolean
  /** What the seller, paused, says is missing. */
  readonly due: Msat
  /** What the limit on a request still leaves for those that are open; `undefined` without one. */
  readonly requestLeft: Msat | undefined
}

const PAYMENT_TIMEOUT_MS = 30_000
const MAX_FAILURES = 3
const FAILURE_PAUSE_MS = 150
/** The longest pause between two questions to a seller in trouble. */
const TROUBLE_PAUSE_MS = 2000
const READY_INVOICES = 8
/** What passes by itself; tried again a few times. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['too-many-invoices', 'rate-limited', 'seller-unreachable'])
/** Errors after which nothing more is paid on an agreement, whatever is asked. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  'count-mismatch',
  'invoice-invalid',
  'invoice-mismatch',
  'statement-invalid',
])

/**
 * Pays for one agreement while it is used. It keeps the buyer's invariant: `paid + in flight - received <= ahead`; a payment
 * counts from before it is written down until the node says that it failed.
 */
export class Payer {
  readonly #wallet: Wallet
  readonly #agreement: Agreement
  readonly #ahead: Msat
  readonly #origin: string
  readonly #consumption: () => Consumption
  readonly #onChange: () => void
  readonly #invoices: InvoicePool
  readonly #rate = new RateMeter()
  #leave: (() => void) | undefined
  #paid: Msat = ZERO
  #inFlight: Msat = ZERO
  #unknown: Msat = ZERO
  #fees: Msat = ZERO
  #payments = 0
  #maxAhead = 0n
  #failures = 0
  /** When a payment was last found to have failed. */
  #failedAt = Number.NEGATIVE_INFINITY
  #feeFloor: Msat = ZERO
  /** How often the floor was given up since a payment last settled. */
  #lowered = 0
  #sentAt = Number.NEGATIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  #blocked: Decision | undefined
  /** The limit in the journal that refused the last payment. */
  #refusedBy: LimitUse | undefined
  #ended = false
  #error: StreamError | undefined
  /** Why the seller cannot make invoices just now, and how often it said so in a row. */
  #trouble: StreamError | undefined
  #troubles = 0
  /** Payments on their way, by payment hash; one whose outcome is unknown is no longer waited for. */
  readonly #pending = new Map<string, Promise<void>>()
  readonly #follower: Follower

  constructor(
    wallet: Wallet,
    agreement: Agreement,
    options: {
      readonly ahead: Msat
      readonly origin: string
      /** Asks the seller for invoices of these amounts; resolves to its JSON. */
      readonly ask: (amounts: readonly Msat[]) => Promise<unknown>
      readonly consumption: () => Consumption
      readonly onChange: () => void
      readonly past?: Past
    },
  ) {
    this.#wallet = wallet
    this.#follower = new Follower(wallet.node)
    this.#agreement = agreement
    this.#ahead = options.ahead
    this.#origin = options.origin
    this.#consumption = options.consumption
    this.#onChange = options.onChange
    this.#invoices = new InvoicePool(agreement, options.ask)
    this.#takeUp(options.past ?? NO_PAST)
  }

  /** Settled, by the node's word. */
  get paid(): Msat {
    return this.#paid
  }
  /** Sent and not settled, unknown outcomes included. */
  get inFlight(): Msat {
    return this.#inFlight
  }
  /** A payment is being written, sent or booked: what it leaves of a limit is not known yet. */
  get busy(): boolean {
    return this.#pending.size > 0
  }
  get unknown(): Msat {
    return this.#unknown
  }
  /** The least that one payment can be: what the seller takes, and what routing is worth. */
  get least(): Msat {
    return max(this.#agreement.smallestPayment, this.#feeFloor)
  }
  /** When the last payment was sent, monotonic ms. */
  get sentAt(): number {
    return this.#sentAt
  }
  get fees(): Msat {
    return this.#fees
  }
  get payments(): number {
    return this.#payments
  }
  /** The most that was paid or in flight for what had not been received; at most `ahead`. */
  get maxAhead(): Msat {
    return msat(this.#maxAhead)
  }
  /** What keeps it from paying: an error that will not pass, or the last decision's reason. */
  get error(): StreamError | undefined {
    return this.#error
  }
  /** The limit in the journal that the next payment would pass, if one was tried. */
  get refusedBy(): LimitUse | undefined {
    return this.#refusedBy
  }
  get blocked(): Decision | undefined {
    return this.#blocked
  }
  /** What keeps the seller from making invoices just now: it is asked again for as long as a reader waits. */
  get trouble(): StreamError | undefined {
    return this.#trouble
  }

  addInvoices(requests: readonly string[], amounts: readonly Msat[]): void {
    this.#invoices.add(requests, amounts)
  }

  /** Decides again: call it whenever something was received, or the seller said something. */
  kick(): void {
    if (this.#error || this.#timer || this.#ended) return
    const now = performance.now()
    for (;;) {
      const state = this.#state(now)
      const decision = decide(state)
      this.#blocked = decision
      if (!('pay' in decision)) {
        if (this.#lowerFloor(decision)) continue
        break
      }
      const invoice = this.#invoices.take(decision.pay, leastWorthSending(state, decision.pay))
      this.#prefetch(state, decision.pay)
      if (!invoice) break
      const waitMs = this.#wallet.pace.take(now, this)
      if (waitMs > 0) {
        this.#invoices.putBack(invoice)
        this.#later(waitMs)
        return
      }
      this.#send(invoice)
    }
    this.#wallet.pace.forgo(this)
  }

  /** Pays nothing more. What is in flight is followed to its end. */
  stop(error: StreamError): void {
    this.#error ??= error
    this.rest()
  }

  /** A further request is a further try, unless the seller is not to be trusted any more. */
  revive(): void {
    if (this.#error && LASTING.has(this.#error.code)) return
    // Routes were missing perhaps only while a node was away, and the window may have no room now for what was tried instead.
    if (this.#error || this.#unknown > 0n) this.#feeFloor = ZERO
    this.#error = undefined
    this.#failures = 0
    this.#lowered = 0
  }

  /** Ends the following of unknown payments too: the journal keeps them. */
  end(): void {
    this.#ended = true
    this.#follower.end()
    this.rest()
  }

  /** Takes its share of the wallet's payments a second, or gives it back between requests. */
  join(): void {
    this.#leave ??= this.#wallet.pace.join()
  }
  rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wallet.pace.forgo(this)
    this.#leave?.()
    this.#leave = undefined
  }

  /**
   * Resolves when no payment is on its way any more, after `timeoutMs`, or when the signal aborts. Unknown outcomes are asked after once more. A payment that
   * ends may be followed by another, for what was received meanwhile: that one is waited for as well.
   */
  async settled(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<'late'>()
    const late = () => resolve('late')
    signal?.addEventListener('abort', late)
    if (signal?.aborted) late()
    await Promise.race([this.#follower.askNow(), promise])
    const timer = setTimeout(late, timeoutMs)
    while (this.#pending.size > 0) {
      if ((await Promise.race([Promise.all(this.#pending.values()), promise])) === 'late') break
    }
    clearTimeout(timer)
    signal?.removeEventListener('abort', late)
  }

  #state(nowMs: number): WindowState {
    const { received, demand, goesOn, due, requestLeft } = this.#consumption()
    this.#rate.note(received, nowMs)
    const { budget, pace, feePerMille } = this.#wallet
    const payable = min(payableWith(budget.left, feePerMille), this.#allowed(feePerMille))
    return {
      ahead: this.#ahead,
      credit: creditAt(this.#agreement.credit, this.#paid),
      paid: this.#paid,
      inFlight: this.#inFlight,
      unknown: this.#unknown,
      received,
      demand,
      goesOn,
      due,
      ratePerSecond: this.#rate.perSecondOver(pace.latencyMs),
      latencyMs: pace.latencyMs,
      smallestPayment: this.#agreement.smallestPayment,
      feeFloor: this.#feeFloor,
      paymentsPerSecond: pace.share,
      budgetLeft: requestLeft === undefined ? payable : min(payable, requestLeft),
    }
  }

  /** What the limit that refused a payment still allows, routing left aside. */
  #allowed(feePerMille: bigint): Msat {
    if (!this.#refusedBy) return MAX_MSAT
    const { limit, max: most, spent } = this.#refusedBy
    const left = minus(most, spent)
    if (limit !== 'fees') return payableWith(left, feePerMille)
    return feePerMille === 0n ? MAX_MSAT : min(msat((left * 1000n) / feePerMille), MAX_MSAT)
  }

  /** Keeps invoices of the size in use at hand: as many as the window could send, no more than the stream can still need. */
  #prefetch(state: WindowState, size: Msat): void {
    const fits = Number((this.#ahead + size - 1n) / size)
    const regular = size === paymentSize(state) && paymentLadder(this.#ahead, state.smallestPayment).includes(size)
    const outstanding = state.paid + state.inFlight - state.received
    const needed = state.demand === undefined ? READY_INVOICES : Number(minus(state.demand, outstanding) / size) + 1
    // Before the rate is known the size is about to change: more of this one would be made for nothing.
    const steady = regular && state.ratePerSecond > 0n
    const want = steady ? Math.min(READY_INVOICES, fits, needed) : 1
    const have = this.#invoices.count(size) + this.#invoices.ordered
    if (have > want / 2) return
    this.#invoices.order(size, want - have).then(
      () => this.#arrived(),
      (error) => this.#refused(toStreamError(error)),
    )
  }

  #arrived(): void {
    this.#trouble = undefined
    this.#troubles = 0
    this.kick()
  }

  #refused(error: StreamError): void {
    if (isTrouble(error)) {
      this.#trouble = error
      return this.#later(Math.min(FAILURE_PAUSE_MS * 2 ** ++this.#troubles, TROUBLE_PAUSE_MS))
    }
    if (PASSING.has(error.code)) {
      this.#failures++
      if (this.#failures < MAX_FAILURES) return this.#later(FAILURE_PAUSE_MS * 2 ** this.#failures)
    }
    this.stop(error)
    this.#onChange()
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.kick()
    }, ms)
  }

  #send(invoice: CheckedInvoice): void {
    const maxFee = msat((invoice.amount * this.#wallet.feePerMille) / 1000n)
    const taken = msat(invoice.amount + maxFee)
    if (!this.#wallet.budget.take(taken)) {
      this.#wallet.pace.ended()
      this.#invoices.putBack(invoice)
      return
    }
    // Counted before anything else happens: from here on it is spent unless the node says that it failed.
    this.#inFlight = msat(this.#inFlight + invoice.amount)
    this.#payments++
    this.#sentAt = performance.now()
    const { received } = this.#consumption()
    this.#maxAhead = [this.#maxAhead, this.#paid + this.#inFlight - received].reduce((a, b) => (a > b ? a : b))
    const task = this.#pay(invoice, maxFee, taken)
      .catch((error) => {
        this.stop(toStreamError(error))
      })
      .finally(() => {
        this.#pending.delete(invoice.paymentHash)
        // First what there is to do now: only what is left undone is told.
        this.kick()
        this.#onChange()
      })
    this.#pending.set(invoice.paymentHash, task)
  }

  async #pay(invoice: CheckedInvoice, maxFee: Msat, taken: Msat): Promise<void> {
    const { node, journal, pace } = this.#wallet
    const { paymentHash, request, amount } = invoice
    const writing = await this.#write(invoice, maxFee).catch((error) => {
      // Not written, so not sent.
      this.#unsent(amount, taken)
      throw error
    })
    if (!writing.written) {
      this.#unsent(amount, taken)
      if (writing.reason === 'known') {
        throw new StreamError('invoice-mismatch', 'the seller sent an invoice that was paid before', { paymentHash })
      }
      // A smaller payment may do, and what others have in flight may come back.
      this.#refusedBy = writing.use
      this.#invoices.putBack(invoice)
      return
    }
    if (writing.near.length > 0) this.#wallet.onNear(writing.near)
    const sentAt = performance.now()
    let outcome: PaymentOutcome = await node
      .pay({ request, maxFee, timeoutMs: PAYMENT_TIMEOUT_MS })
      .catch((error) => ({ status: 'unknown', detail: toStreamError(error).message }))
    pace.ended(outcome.status === 'settled' ? performance.now() - sentAt : undefined)
    if (outcome.status === 'unknown' || outcome.status === 'pending') {
      await journal.endPayment(paymentHash, { status: 'unknown', fee: ZERO })
      outcome = await this.#follow(paymentHash, amount)
    }
    await this.#conclude(outcome, paymentHash, amount, taken)
    if (outcome.status === 'failed') this.#failed(outcome, amount, sentAt)
  }

  /** Books the outcome of a payment, if there is one. @param taken what it took from the budget of this buyer */
  async #conclude(outcome: PaymentOutcome, paymentHash: string, amount: Msat, taken: Msat): Promise<void> {
    const { journal } = this.#wallet
    if (outcome.status === 'settled') {
      this.#settle(amount, taken, outcome.fee)
      await journal.endPayment(paymentHash, { status: 'settled', fee: outcome.fee, preimage: outcome.preimage })
    } else if (outcome.status === 'failed') {
      this.#forget(amount, taken)
      await journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
    }
    // What it did not cost is there again for others.
    this.#refusedBy = undefined
  }

  /** What an earlier run paid is paid; what it left without an outcome is in flight, and followed from here on. */
  #takeUp({ paid, fees, payments, open }: Past): void {
    this.#paid = paid
    this.#fees = fees
    this.#payments = payments
    for (const payment of open) {
      const { paymentHash, amount } = payment
      this.#inFlight = msat(this.#inFlight + amount)
      this.#unknown = msat(this.#unknown + amount)
      // Only the node that was asked to pay knows. What another one was asked stays in flight.
      if (payment.payer !== this.#wallet.payer) continue
      this.#outcomeOf(payment)
        .then((outcome) => this.#conclude(outcome, paymentHash, amount, ZERO))
        .catch((error) => this.stop(toStreamError(error)))
        .finally(() => {
          this.kick()
          this.#onChange()
        })
    }
  }

  /** Written down before it is sent, or not sent at all. */
  async #write({ paymentHash, request, amount }: CheckedInvoice, maxFee: Msat): Promise<Writing> {
    const { journal, payer, limits } = this.#wallet
    const payment = { paymentHash, request, agreementId: this.#agreement.id, origin: this.#origin, payer }
    const { receivedSteps } = this.#consumption()
    return journal.addPayment({ ...payment, amount, maxFee, createdAtMs: Date.now(), receivedSteps }, limits)
  }

  #unsent(amount: Msat, taken: Msat): void {
    this.#wallet.pace.ended()
    this.#payments--
    this.#forget(amount, taken)
  }

  /** Asks the node what became of a payment until it knows. Until then it counts as spent. */
  async #follow(paymentHash: string, amount: Msat): Promise<PaymentOutcome> {
    this.#unknown = msat(this.#unknown + amount)
    this.#pending.delete(paymentHash)
    // What it was to pay for may still be waited for: the rest of the window is there for that.
    this.kick()
    this.#onChange()
    return this.#outcomeOf({ paymentHash, amount })
  }

  /** @param payment with `createdAtMs` if an earlier run wrote it, which may have ended before it was sent */
  async #outcomeOf(payment: FollowedPayment & { readonly amount: Msat }): Promise<PaymentOutcome> {
    const outcome = await this.#follower.outcomeOf(payment)
    if (outcome.status !== 'pending') this.#unknown = minus(this.#unknown, payment.amount)
    return outcome
  }

  /**
   * Larger payments were tried since smaller ones found no way, and for those the window has no room: part of it was lost on the way for
   * good. What failed may have failed only while a node was away, so it is tried again, a few times.
   */
  #lowerFloor(decision: Decision): boolean {
    const full = 'wait' in decision && decision.wait === 'window' && decision.need !== undefined
    if (!full || this.#inFlight > 0n || this.#feeFloor === 0n || this.#lowered >= MAX_FAILURES) return false
    this.#lowered++
    this.#feeFloor = ZERO
    return true
  }

  #settle(amount: Msat, taken: Msat, fee: Msat): void {
    this.#failures = 0
    this.#lowered = 0
    if (amount < this.#feeFloor) this.#feeFloor = ZERO
    this.#paid = msat(this.#paid + amount)
    this.#inFlight = minus(this.#inFlight, amount)
    this.#fees = msat(this.#fees + fee)
    this.#wallet.budget.giveBack(minus(taken, amount + fee))
    if (taken > 0n) this.#wallet.budget.charge(minus(amount + fee, taken))
  }

  #forget(amount: Msat, taken: Msat): void {
    this.#inFlight = minus(this.#inFlight, amount)
    this.#wallet.budget.giveBack(taken)
  }

  /**
   * Larger payments carry a base fee better: try those first, as far as the window goes. Payments that were on their way together fail
   * together when their payee gives them back: that is one failure, and what is sent after it shows whether it lasts.
   */
  #failed(outcome: Extract<PaymentOutcome, { status: 'failed' }>, amount: Msat, sentAt: number): void {
    if (sentAt >= this.#failedAt) this.#failures++
    this.#failedAt = performance.now()
    const [largest] = paymentLadder(this.#ahead, this.#agreement.smallestPayment)
    const larger = min(msat(amount * 2n), largest!)
    if ((outcome.reason === 'fee-too-high' || outcome.reason === 'no-route') && larger > amount) {
      this.#feeFloor = max(this.#feeFloor, larger)
    } else if (this.#failures >= MAX_FAILURES || outcome.reason === 'balance-insufficient') {
      this.stop(new StreamError(outcome.reason, outcome.detail || 'the payment failed'))
      return
    }
    this.#later(FAILURE_PAUSE_MS * this.#failures)
  }
}

/** The seller, or its node, is not up to it now (503): a node that restarts, a full disk. It says so itself, so it is alive. */
const isTrouble = ({ status }: StreamError): boolean => status === 503

/** What can be paid with so much money, so that the fee cap of the payment fits as well. */
const payableWith = (left: Msat, feePerMille: bigint): Msat => msat((left * 1000n) / (1000n + feePerMille))
