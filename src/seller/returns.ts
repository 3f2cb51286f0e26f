import { toStreamError } from '../errors/error.ts'
import type { Ledger, NewReturn, ReturnRecord } from '../ledger/ledger.ts'
import type { LightningNode, PaymentOutcome } from '../lightning/node.ts'
import { type Msat, minus, msat, ZERO } from '../money/msat.ts'
import { decodeInvoice } from '../wire/bolt11.ts'
import type { TokenBucket } from './buckets.ts'
import type { Clock } from './clock.ts'

/** How a claim that does not settle at once is tried again. In ms. */
export interface ReturnPace {
  /** Before the second attempt; twice as long before each further one. */
  readonly firstDelayMs: number
  readonly longestDelayMs: number
  /** Between two looks at a payment that is in flight, at most. */
  readonly longestLookMs: number
  /** An invoice that expired so long ago is paid by no node any more, whoever's clock is right. */
  readonly expiryMarginMs: number
  /** How long the answer to a buyer waits for the end of its claim. */
  readonly answerMs: number
}

export const RETURN_PACE: ReturnPace = {
  firstDelayMs: 1000,
  longestDelayMs: 300_000,
  longestLookMs: 30_000,
  expiryMarginMs: 60_000,
  answerMs: 10_000,
}

/** Attempts at once: one that its buyer holds back must not keep the others from theirs. */
const MAX_AT_ONCE = 16
const ATTEMPT_MS = 30_000
/** Why a claim waits while a payment for it may still settle. */
export const IN_FLIGHT = 'in-flight'

/** The seller bears the routing of a return up to 0.5 % and a sat, so that nobody profits much from asking for one. */
const returnFeeCap = (amount: Msat): Msat => msat(amount / 200n + 1000n)

export interface ReturnsParts {
  readonly node: LightningNode
  readonly ledger: Ledger
  readonly clock: Clock
  readonly pace: ReturnPace
  /** What all routing may cost, in msat. */
  readonly fees: TokenBucket
  /** A claim ended, or waits for a reason that is new or for another attempt. Called right after the ledger was told. */
  readonly onNews: (claim: ReturnRecord) => void
  readonly onError: (error: unknown) => void
}

interface Entry {
  claim: ReturnRecord
  /** By the monotonic clock. */
  dueMs: number
  running: boolean
  /** Nobody can have sent it yet: it was booked by this process just now. */
  unsent: boolean
  looks: number
  readonly waiting: Set<() => void>
}

/**
 * Follows every booked claim to its end.
 *
 * Invariant: a claim is handed to the node only when the node has just said that no payment of its hash is in flight or settled,
 * and never by two attempts at once. The ledger counts it as returned until it has failed for good, and then it is not handed to
 * the node again. So it is paid once, whatever is killed when.
 */
export class Returns {
  readonly #parts: ReturnsParts
  readonly #entries = new Map<string, Entry>()
  #running = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #ended = false

  constructor(parts: ReturnsParts) {
    this.#parts = parts
  }

  /** Claims that have not ended. */
  get pending(): readonly ReturnRecord[] {
    return [...this.#entries.values()].map(({ claim }) => claim)
  }

  /** Reads what an earlier run left open, and may have sent. @throws StreamError `ledger-failed` */
  async load(): Promise<void> {
    const { clock, pace, ledger } = this.#parts
    for (const claim of await ledger.pendingReturns()) {
      // What may be in flight is looked at now. For the others: a time of day that was set meanwhile must not put them off longer
      // than any attempt is.
      const leftMs = claim.failure === IN_FLIGHT ? 0 : claim.nextAttemptMs - clock.nowMs()
      const waitMs = Math.min(Math.max(0, leftMs), pace.longestDelayMs)
      this.#entries.set(claim.paymentHash, entry(claim, clock.monotonicMs() + waitMs, false))
    }
  }

  /** Takes up what was read. */
  start(): void {
    this.#next()
  }

  /** Pays a claim that was booked just now. */
  follow(booked: NewReturn): void {
    const claim: ReturnRecord = { ...booked, status: 'pending', fee: ZERO, attempts: 0, nextAttemptMs: 0 }
    this.#entries.set(claim.paymentHash, entry(claim, this.#parts.clock.monotonicMs(), true))
    this.#next()
  }

  /** How a claim stands once it has ended, or when a buyer has waited long enough. @throws StreamError `ledger-failed` */
  async outcome(paymentHash: string): Promise<ReturnRecord | undefined> {
    const entry = this.#entries.get(paymentHash)
    if (entry) {
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer)
          entry.waiting.delete(end)
          resolve()
        }
        const timer = setTimeout(end, this.#parts.pace.answerMs)
        entry.waiting.add(end)
      })
    }
    return this.#entries.get(paymentHash)?.claim ?? this.#parts.ledger.getReturn(paymentHash)
  }

  /** Starts no further attempt. What is in flight is looked up by the next run. */
  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    for (const { waiting } of this.#entries.values()) for (const tell of waiting) tell()
  }

  /** Starts what is due, and sets the timer for what is next. */
  #next(): void {
    clearTimeout(this.#timer)
    const nowMs = this.#parts.clock.monotonicMs()
    const idle = [...this.#entries.values()].filter(({ running }) => !running).sort((a, b) => a.dueMs - b.dueMs)
    for (const entry of idle) {
      if (this.#ended || this.#running >= MAX_AT_ONCE) return
      if (entry.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.#next(), entry.dueMs - nowMs)
        this.#timer.unref?.()
        return
      }
      void this.#run(entry)
    }
  }

  async #run(entry: Entry): Promise<void> {
    entry.running = true
    this.#running++
    try {
      await this.#advance(entry)
    } catch (error) {
      // Neither node nor ledger is believed to have done anything: the next attempt asks first.
      if (this.#ended) return
      const known = toStreamError(error)
      if (known.code !== entry.claim.failure) this.#parts.onError(known)
      this.#putOff(entry, known.code, this.#delayMs(entry.claim))
    } finally {
      entry.running = false
      this.#running--
      this.#next()
    }
  }

  async #advance(entry: Entry): Promise<void> {
    const { node, clock, pace, fees } = this.#parts
    const { request, paymentHash, amount, expiresAtMs } = entry.claim
    if (!entry.unsent) {
      const earlier = await node.lookupPayment(paymentHash)
      if (earlier && earlier.status !== 'failed') return this.#conclude(entry, earlier)
      const overMs = clock.nowMs() - expiresAtMs
      if (overMs >= pace.expiryMarginMs) return this.#finish(entry, 'failed', ZERO)
      const marginMs = Math.min(pace.expiryMarginMs - overMs, pace.longestDelayMs)
      if (overMs >= 0) return this.#delay(entry, entry.claim.failure ?? 'invoice-expired', marginMs)
    }
    if (this.#ended) return
    entry.unsent = false
    // Taken before it is spent, and kept while the node does not know how it ended.
    const maxFee = msat(BigInt(fees.takeUpTo(Number(returnFeeCap(amount)), clock.monotonicMs())))
    // A session's return invoice leaves the amount to the seller; any other names it.
    const open = decodeInvoice(request).amount === undefined
    const payment = { request, maxFee, timeoutMs: ATTEMPT_MS, ...(open && { amount }) }
    const outcome = await node.pay(payment).catch((error) => {
      // It rejects only where nothing can have been sent.
      fees.giveBack(Number(maxFee))
      throw error
    })
    if (outcome.status === 'settled') fees.giveBack(Number(minus(maxFee, outcome.fee)))
    else if (outcome.status === 'failed') fees.giveBack(Number(maxFee))
    await this.#conclude(entry, outcome)
  }

  async #conclude(entry: Entry, outcome: PaymentOutcome): Promise<void> {
    if (this.#ended) return
    if (outcome.status === 'settled') return this.#finish(entry, 'settled', outcome.fee)
    if (outcome.status !== 'failed') {
      const { pace } = this.#parts
      return this.#delay(entry, IN_FLIGHT, Math.min(pace.firstDelayMs * 2 ** entry.looks++, pace.longestLookMs))
    }
    entry.looks = 0
    const failure = outcome.reason
    if (failure !== 'invoice-invalid') return this.#delay(entry, failure, this.#delayMs(entry.claim))
    // Refused for what it is, it would be refused again: the balance is the buyer's to ask for with another invoice.
    entry.claim = { ...entry.claim, failure, attempts: entry.claim.attempts + 1 }
    await this.#note(entry.claim)
    await this.#finish(entry, 'failed', ZERO)
  }

  #delayMs({ attempts, expiresAtMs }: ReturnRecord): number {
    const { clock, pace } = this.#parts
    const backOffMs = Math.min(pace.firstDelayMs * 2 ** attempts, pace.longestDelayMs)
    // No later than it can end.
    const leftMs = expiresAtMs + pace.expiryMarginMs - clock.nowMs()
    return Math.min(backOffMs, Math.max(leftMs, pace.firstDelayMs))
  }

  async #delay(entry: Entry, failure: string, delayMs: number): Promise<void> {
    this.#putOff(entry, failure, delayMs)
    await this.#note(entry.claim)
  }

  async #note({ paymentHash, attempts, nextAttemptMs, failure = '' }: ReturnRecord): Promise<void> {
    await this.#parts.ledger.delayReturn(paymentHash, { attempts, nextAttemptMs, failure })
  }

  #putOff(entry: Entry, failure: string, delayMs: number): void {
    const { clock, onNews } = this.#parts
    const before = entry.claim
    const attempts = before.attempts + (failure === IN_FLIGHT ? 0 : 1)
    entry.claim = { ...before, attempts, failure, nextAttemptMs: Math.ceil(clock.nowMs() + delayMs) }
    entry.dueMs = clock.monotonicMs() + delayMs
    if (attempts > before.attempts || failure !== before.failure) onNews(entry.claim)
  }

  async #finish(entry: Entry, status: 'settled' | 'failed', fee: Msat): Promise<void> {
    const { ledger, onNews } = this.#parts
    await ledger.endReturn(entry.claim.paymentHash, status, fee)
    this.#entries.delete(entry.claim.paymentHash)
    onNews({ ...entry.claim, status, fee })
    for (const tell of entry.waiting) tell()
  }
}

const entry = (claim: ReturnRecord, dueMs: number, unsent: boolean): Entry => ({
  claim,
  dueMs,
  running: false,
  unsent,
  looks: 0,
  waiting: new Set(),
})
