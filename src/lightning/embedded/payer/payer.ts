import * as ldk from 'lightningdevkit'
import type { Msat } from '../../../money/msat.ts'
import type { OutgoingKeysend, OutgoingPayment, PaymentOutcome } from '../../node.ts'
import { toHex } from '../chain/bytes.ts'
import { readInvoice } from '../ldk/invoices.ts'
import type { Neighbours } from '../ldk/neighbours.ts'
import type { LdkNode, PaymentNews } from '../ldk/node.ts'
import type { PaymentRecord, Payments } from '../state/payments.ts'
import { Attempt, type Failed, type Final, failed } from './attempt.ts'
import { failureOf, refusalOf } from './failures.ts'
import { type Payable, payableInvoice, payableKeysend } from './payable.ts'
import { remedy } from './remedy.ts'
import { Turnstile } from './turnstile.ts'

/** Payments in flight at once; a channel carries 483 in one direction. */
const MAX_IN_FLIGHT = 200
/** Peers waited for or channels opened for one payment before it is given up. */
const MAX_REMEDIES = 3
/** How long LDK is given to say that a payment which was given up had not left. */
const LINGER_MS = 100

const ROUTE_NOT_FOUND = ldk.PaymentFailureReason.LDKPaymentFailureReason_RouteNotFound

type Limits = Pick<OutgoingPayment, 'maxFee' | 'timeoutMs'>

/** Sends payments, each invoice and each keysend once. */
export class Payer {
  readonly #node: LdkNode
  readonly #neighbours: Neighbours
  readonly #payments: Payments
  readonly #turnstile: Turnstile
  readonly #attempts = new Map<string, Attempt>()
  #afterTurn: (() => void)[] = []

  constructor(node: LdkNode, neighbours: Neighbours, payments: Payments, paused: boolean) {
    this.#node = node
    this.#neighbours = neighbours
    this.#payments = payments
    this.#turnstile = new Turnstile(MAX_IN_FLIGHT, paused)
  }

  /**
   * Takes up the payments that an earlier run left open, once LDK has told its news. LDK's record and ours are written
   * together, so what it does not know was given up before it could be tried again.
   */
  resume(): void {
    const known = new Set(this.#node.manager.list_recent_payments().map(paymentId))
    for (const paymentHash of this.#payments.pending()) {
      if (known.has(paymentHash)) {
        const attempt = this.#begin(paymentHash)
        this.#turnstile.enterAtOnce()
        void this.#follow(attempt).then((failure) => this.#conclude(attempt, failure))
      } else {
        const outcome = failed('payment-failed', 'the node stopped before the payment was on its way')
        this.#node.record({ paymentHash, outcome })
      }
    }
  }

  async pay(payment: OutgoingPayment): Promise<PaymentOutcome> {
    const invoice = readInvoice(payment)
    if (typeof invoice === 'string') return failed('invoice-invalid', invoice)
    return this.#make(payableInvoice(invoice), payment)
  }

  async keysend(payment: OutgoingKeysend): Promise<PaymentOutcome> {
    return this.#make(payableKeysend(payment), payment)
  }

  async #make(payable: Payable, { maxFee, timeoutMs }: Limits): Promise<PaymentOutcome> {
    const { paymentHash } = payable
    const underWay = this.#attempts.get(paymentHash)
    if (underWay) return this.#await(underWay, timeoutMs)
    const known = this.#payments.find(paymentHash)
    if (known?.status === 'settled') return known
    if (payable.isExpired()) return failed('invoice-invalid', 'the invoice has expired')
    const attempt = this.#begin(paymentHash)
    this.#run(attempt, payable, maxFee).catch((error: Error) =>
      this.#conclude(attempt, failed('payment-failed', error.message)),
    )
    return this.#await(attempt, timeoutMs, () => this.#expire(attempt, payable))
  }

  lookup(paymentHash: string): PaymentOutcome | undefined {
    return this.#attempts.has(paymentHash) ? { status: 'pending' } : this.#payments.find(paymentHash)
  }

  pause(paused: boolean): void {
    this.#turnstile.shut(paused)
  }

  get isIdle(): boolean {
    return this.#attempts.size === 0
  }

  /** To be called inside a turn; see `NodeHooks.onPayment`. */
  onPayment(news: PaymentNews): PaymentRecord | undefined {
    const { paymentHash } = news
    const attempt = this.#attempts.get(paymentHash)
    if ('preimage' in news) {
      const outcome = { status: 'settled', preimage: news.preimage, fee: news.fee } as const
      this.#afterTurn.push(() => attempt && this.#finish(attempt, outcome))
      return { paymentHash, outcome }
    }
    if (!attempt) return { paymentHash, outcome: failureOf(news.reason) }
    // Not written yet: another channel may help. Should the process end here, `resume` finds that LDK knows nothing.
    this.#afterTurn.push(() => attempt.giveUp(news.reason))
    return
  }

  /** To be called after every turn, when what it wrote is on disk. */
  onTurn(): void {
    const actions = this.#afterTurn
    this.#afterTurn = []
    for (const action of actions) action()
  }

  async #run(attempt: Attempt, payable: Payable, maxFee: Msat): Promise<void> {
    for (let remedies = 0; ; remedies++) {
      const failure = await this.#send(attempt, payable, maxFee)
      if (failure?.reason !== 'no-route' || attempt.expired || remedies === MAX_REMEDIES) {
        return this.#conclude(attempt, failure)
      }
      const hopeless = await remedy(payable, maxFee, this.#node, this.#neighbours)
      if (hopeless || attempt.expired) return this.#conclude(attempt, hopeless ?? failure)
    }
  }

  /** Has LDK send, and resolves if that fails. */
  async #send(attempt: Attempt, payable: Payable, maxFee: Msat): Promise<Failed> {
    await this.#turnstile.enter()
    if (attempt.expired) {
      this.#turnstile.leave()
      return failed('payment-timeout', 'nothing was sent in time')
    }
    const refused = payable.send(this.#node.manager, maxFee)
    if (refused !== undefined) {
      this.#turnstile.leave()
      if (refused === ldk.RetryableSendFailure.LDKRetryableSendFailure_RouteNotFound) return failureOf(ROUTE_NOT_FOUND)
      return refusalOf(refused)
    }
    this.#node.record({ paymentHash: payable.paymentHash, outcome: { status: 'pending' } })
    return this.#follow(attempt)
  }

  async #follow(attempt: Attempt): Promise<Failed> {
    attempt.inFlight = true
    const reason = await attempt.givenUp()
    attempt.inFlight = false
    this.#turnstile.leave()
    return failureOf(reason)
  }

  #begin(paymentHash: string): Attempt {
    const attempt = new Attempt(paymentHash)
    this.#attempts.set(paymentHash, attempt)
    return attempt
  }

  /** Writes a failure, and tells of it once it is written. */
  #conclude(attempt: Attempt, failure: Failed): void {
    if (attempt.concluded) return
    attempt.concluded = true
    const outcome = attempt.expired ? failed('payment-timeout', failure.detail) : failure
    this.#node.record({ paymentHash: attempt.paymentHash, outcome })
    this.#afterTurn.push(() => this.#finish(attempt, outcome))
  }

  #finish(attempt: Attempt, outcome: Final): void {
    if (outcome.status === 'settled' && attempt.inFlight) this.#turnstile.leave()
    this.#attempts.delete(attempt.paymentHash)
    attempt.finish(outcome)
  }

  /** Gives up what has not left. */
  #expire(attempt: Attempt, payable: Payable): void {
    attempt.expired = true
    if (attempt.inFlight) {
      this.#node.manager.abandon_payment(payable.hash)
      this.#node.wake()
    } else {
      this.#conclude(attempt, failed('payment-timeout', 'nothing was sent in time'))
    }
  }

  async #await(attempt: Attempt, timeoutMs: number, onTimeout?: () => void): Promise<PaymentOutcome> {
    const timely = await within(attempt.done, timeoutMs)
    if (timely) return timely
    onTimeout?.()
    const late = await within(attempt.done, LINGER_MS)
    return late ?? { status: 'unknown', detail: `no final word after ${timeoutMs} ms` }
  }
}

/** Longer than this a timer cannot wait, and would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise: timeout, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, Math.min(timeoutMs, MAX_TIMER_MS), undefined)
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function paymentId(details: ldk.RecentPaymentDetails): string {
  return toHex((details as ldk.RecentPaymentDetails_Pending).payment_id)
}
