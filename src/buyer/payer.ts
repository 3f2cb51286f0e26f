import { StreamError, toStreamError } from '../errors/error.ts'
import type { Journal } from '../ledger/journal.ts'
import type { LightningNode, PaymentOutcome } from '../lightning/node.ts'
import { type Msat, max, min, minus, msat, ZERO } from '../money/msat.ts'
import { creditAt } from '../terms/credit.ts'
import type { Agreement } from '../terms/terms.ts'
import type { Pace } from '../window/pace.ts'
import { RateMeter } from '../window/rate.ts'
import { type Decision, decide, paymentLadder, paymentSize, type WindowState } from '../window/window.ts'
import type { Budget } from './budget.ts'
import { type CheckedInvoice, InvoicePool } from './invoices.ts'

/** What all payers of one wallet share. */
export interface Wallet {
  readonly node: LightningNode
  readonly journal: Journal
  readonly budget: Budget
  readonly pace: Pace
  /** The most that routing may cost, in parts per thousand of a payment. */
  readonly feePerMille: bigint
}

/** What the payer is told of the trade it pays for. */
export interface Consumption {
  /** Cost of what was received, rounded down. */
  readonly received: Msat
  /** Cost of what can still come; `undefined` where no end is known. */
  readonly demand: Msat | undefined
  /** What the seller, paused, says is missing. */
  readonly due: Msat
}

const PAYMENT_TIMEOUT_MS = 30_000
const MAX_FAILURES = 3
const FAILURE_PAUSE_MS = 150
/** How often a payment of unknown outcome is asked after, and when asking starts to take longer. */
const FOLLOW_MS = { first: 250, last: 15_000 }
const READY_INVOICES = 8

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
  #feeFloor: Msat = ZERO
  #timer: ReturnType<typeof setTimeout> | undefined
  #blocked: Decision | undefined
  #ended = false
  #error: StreamError | undefined
  /** Payments on their way, by payment hash; one whose outcome is unknown is no longer waited for. */
  readonly #pending = new Map<string, Promise<void>>()

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
    },
  ) {
    this.#wallet = wallet
    this.#agreement = agreement
    this.#ahead = options.ahead
    this.#origin = options.origin
    this.#consumption = options.consumption
    this.#onChange = options.onChange
    this.#invoices = new InvoicePool(agreement, options.ask)
  }

  /** Settled, by the node's word. */
  get paid(): Msat {
    return this.#paid
  }
  /** Sent and not settled, unknown outcomes included. */
  get inFlight(): Msat {
    return this.#inFlight
  }
  get unknown(): Msat {
    return this.#unknown
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
  get blocked(): Decision | undefined {
    return this.#blocked
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
      if (!('pay' in decision)) return
      const invoice = this.#invoices.take(decision.pay)
      this.#prefetch(state, decision.pay)
      if (!invoice) return
      const waitMs = this.#wallet.pace.take(now)
      if (waitMs > 0) {
        this.#invoices.putBack(invoice)
        this.#later(waitMs)
        return
      }
      this.#send(invoice)
    }
  }

  /** Pays nothing more. What is in flight is followed to its end. */
  stop(error: StreamError): void {
    this.#error ??= error
    this.rest()
  }

  /** Ends the following of unknown payments too: the journal keeps them. */
  end(): void {
    this.#ended = true
    this.rest()
  }

  /** Takes its share of the wallet's payments a second, or gives it back between requests. */
  join(): void {
    this.#leave ??= this.#wallet.pace.join()
  }
  rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leave?.()
    this.#leave = undefined
  }

  /** Resolves when no payment is on its way any more, or after `timeoutMs`. */
  async settled(timeoutMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    while (this.#pending.size > 0) {
      const before = this.#pending.size
      await Promise.race([Promise.all(this.#pending.values()), late])
      if (this.#pending.size >= before) break
    }
    clearTimeout(timer)
  }

  #state(nowMs: number): WindowState {
    const { received, demand, due } = this.#consumption()
    this.#rate.note(received, nowMs)
    const { budget, pace, feePerMille } = this.#wallet
    return {
      ahead: this.#ahead,
      credit: creditAt(this.#agreement.credit, this.#paid),
      paid: this.#paid,
      inFlight: this.#inFlight,
      unknown: this.#unknown,
      received,
      demand,
      due,
      ratePerSecond: this.#rate.perSecond,
      latencyMs: pace.latencyMs,
      smallestPayment: this.#agreement.smallestPayment,
      feeFloor: this.#feeFloor,
      paymentsPerSecond: pace.share,
      // Rounded so that the fee cap of the payment fits as well.
      budgetLeft: msat((budget.left * 1000n) / (1000n + feePerMille)),
    }
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
      () => this.kick(),
      (error) => this.#refused(toStreamError(error)),
    )
  }

  #refused(error: StreamError): void {
    if (error.code === 'too-many-invoices' || error.code === 'seller-unreachable') {
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
    if (!this.#wallet.budget.take(msat(invoice.amount + maxFee))) {
      this.#wallet.pace.ended()
      this.#invoices.putBack(invoice)
      return
    }
    // Counted before anything else happens: from here on it is spent unless the node says that it failed.
    this.#inFlight = msat(this.#inFlight + invoice.amount)
    this.#payments++
    const { received } = this.#consumption()
    this.#maxAhead = [this.#maxAhead, this.#paid + this.#inFlight - received].reduce((a, b) => (a > b ? a : b))
    const task = this.#pay(invoice, maxFee)
      .catch((error) => {
        this.stop(toStreamError(error))
      })
      .finally(() => {
        this.#pending.delete(invoice.paymentHash)
        this.#onChange()
        this.kick()
      })
    this.#pending.set(invoice.paymentHash, task)
  }

  async #pay(invoice: CheckedInvoice, maxFee: Msat): Promise<void> {
    const { node, journal, pace } = this.#wallet
    const { paymentHash, request, amount } = invoice
    const written = await this.#write(invoice, maxFee)
    if (!written) {
      pace.ended()
      this.#forget(amount, maxFee)
      throw new StreamError('invoice-mismatch', 'the seller sent an invoice that was paid before', { paymentHash })
    }
    const sentAt = performance.now()
    let outcome: PaymentOutcome = await node
      .pay({ request, maxFee, timeoutMs: PAYMENT_TIMEOUT_MS })
      .catch((error) => ({ status: 'unknown', detail: toStreamError(error).message }))
    pace.ended(outcome.status === 'settled' ? performance.now() - sentAt : undefined)
    if (outcome.status === 'unknown' || outcome.status === 'pending') {
      await journal.endPayment(paymentHash, { status: 'unknown', fee: ZERO })
      outcome = await this.#follow(paymentHash, amount)
    }
    if (outcome.status === 'settled') {
      this.#settle(amount, maxFee, outcome.fee)
      await journal.endPayment(paymentHash, { status: 'settled', fee: outcome.fee, preimage: outcome.preimage })
    } else if (outcome.status === 'failed') {
      this.#forget(amount, maxFee)
      await journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
      this.#failed(outcome, amount)
    }
  }

  /** Written down before it is sent, or not sent at all. */
  async #write({ paymentHash, request, amount }: CheckedInvoice, maxFee: Msat): Promise<boolean> {
    try {
      return await this.#wallet.journal.addPayment({
        paymentHash,
        request,
        agreementId: this.#agreement.id,
        origin: this.#origin,
        amount,
        maxFee,
        createdAtMs: Date.now(),
      })
    } catch (error) {
      this.#wallet.pace.ended()
      this.#forget(amount, maxFee)
      throw error
    }
  }

  /** Asks the node what became of a payment until it knows. Until then it counts as spent. */
  async #follow(paymentHash: string, amount: Msat): Promise<PaymentOutcome> {
    this.#unknown = msat(this.#unknown + amount)
    this.#pending.delete(paymentHash)
    // What it was to pay for may still be waited for: the rest of the window is there for that.
    this.kick()
    this.#onChange()
    for (let pauseMs: number = FOLLOW_MS.first; ; pauseMs = Math.min(pauseMs * 2, FOLLOW_MS.last)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      if (this.#ended) return { status: 'pending' }
      const outcome = await this.#wallet.node.lookupPayment(paymentHash).catch(() => undefined)
      if (outcome?.status === 'settled' || outcome?.status === 'failed') {
        this.#unknown = minus(this.#unknown, amount)
        return outcome
      }
    }
  }

  #settle(amount: Msat, maxFee: Msat, fee: Msat): void {
    this.#failures = 0
    this.#paid = msat(this.#paid + amount)
    this.#inFlight = minus(this.#inFlight, amount)
    this.#fees = msat(this.#fees + fee)
    this.#wallet.budget.giveBack(minus(maxFee, fee))
  }

  #forget(amount: Msat, maxFee: Msat): void {
    this.#inFlight = minus(this.#inFlight, amount)
    this.#wallet.budget.giveBack(msat(amount + maxFee))
  }

  /** Larger payments carry a base fee better: try those first, as far as the window goes. */
  #failed(outcome: Extract<PaymentOutcome, { status: 'failed' }>, amount: Msat): void {
    this.#failures++
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
