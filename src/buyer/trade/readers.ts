import { StreamError } from '../../errors/error.ts'
import { type Msat, minus } from '../../money/msat.ts'
import type { Budget } from '../budget.ts'
import { blockedError, limitError, stuckError } from '../payments/blocked.ts'
import type { Payer } from '../payments/payer.ts'
import type { Receipt } from '../received/receipt.ts'
import type { Received } from '../received/received.ts'
import type { Arrivals } from './arrivals.ts'
import type { SellersCount } from './sellersCount.ts'
import { SILENCE_MS } from './watch.ts'

/** What the readers of a trade are told from. */
export interface ReadersSources {
  readonly payer: Payer
  readonly received: Received
  readonly seller: SellersCount
  readonly arrivals: Arrivals
  readonly budget: Budget
  readonly ahead: Msat
  /** A reader gets an error when nothing came for this long though it was paid. In ms. */
  readonly stallMs: number
  /** The most that one request may cost. */
  readonly requestLimit: Msat | undefined
  /** What the seller waits for, while somebody here waits for the seller. */
  readonly due: () => Msat
  /** Whether anything came yet. */
  readonly started: () => boolean
}

/** How long a stream stands still for payments of unknown outcome before its reader is told. */
const PATIENCE_MS = 3000
/** How often at least the readers' waiting is looked at. */
const LOOK_MS = 1000
/** So long may a connection hang while another goes on; longer, and something holds the answer back. */
const HELD_BACK_MS = 5000

/**
 * Those who read what a trade buys. A reader that waits for what will not come is told why: at once if it is known that nothing more
 * will be paid, and when its patience is over if nothing is known.
 */
export class Readers {
  readonly #sources: ReadersSources
  readonly #aborts = new Map<Receipt, AbortController>()
  #stallTimer: ReturnType<typeof setInterval> | undefined
  #patience: ReturnType<typeof setTimeout> | undefined
  #lackedRoom = false

  constructor(sources: ReadersSources) {
    this.#sources = sources
  }

  add(receipt: Receipt, abort: AbortController): void {
    this.#aborts.set(receipt, abort)
    const everyMs = Math.min(LOOK_MS, Math.max(50, this.#sources.stallMs / 4))
    this.#stallTimer ??= setInterval(() => this.#checkStall(), everyMs)
  }

  remove(receipt: Receipt): void {
    this.#aborts.delete(receipt)
    if (this.#aborts.size > 0) return
    clearInterval(this.#stallTimer)
    clearTimeout(this.#patience)
    this.#stallTimer = undefined
    this.#patience = undefined
  }

  abortAll(error: StreamError): void {
    if (error.code === 'payment-unknown') this.#lackedRoom = true
    for (const abort of this.#aborts.values()) abort.abort(error)
  }

  /** Requests were ended because what is in flight left the window no room for the next payment, and it still is in flight. */
  get lackedRoom(): boolean {
    this.#lackedRoom &&= this.#sources.payer.inFlight > 0n
    return this.#lackedRoom
  }

  /** More than its limit came of this request, on the seller's credit: it ends here, and what came is paid for. */
  checkLimit(receipt: Receipt): void {
    const { requestLimit: limit, received } = this.#sources
    if (limit === undefined) return
    const spent = received.costOf(receipt, performance.now())
    if (spent > limit) this.#aborts.get(receipt)?.abort(limitError({ limit: 'request', max: limit, spent }))
  }

  /** What the limit on a request still leaves to be paid for the open ones. */
  get requestLeft(): Msat | undefined {
    const { requestLimit: limit, payer, received } = this.#sources
    if (limit === undefined) return undefined
    const now = performance.now()
    const outstanding = payer.paid + payer.inFlight - received.cost(now)
    return minus(received.requestsLeft(limit, now), outstanding > 0n ? outstanding : 0n)
  }

  /** A paused seller that will never be paid: its readers are told why, now and not after a time-out. */
  tell(): void {
    this.#tell(false)
  }

  #tell(patienceIsOver: boolean): void {
    const { payer, due, started } = this.#sources
    const { error, inFlight, unknown, busy } = payer
    const untrusted = error?.code === 'invoice-mismatch' || error?.code === 'invoice-invalid'
    const waitedFor = due() > 0n && inFlight <= unknown && !busy
    if (error && (untrusted || waitedFor || !started())) this.abortAll(error)
    else if (waitedFor && unknown > 0n && !patienceIsOver) {
      // An outcome that is unknown now may be known in a moment.
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined
        this.#tell(true)
      }, PATIENCE_MS)
    } else if (waitedFor) {
      const blocked = this.#blockedError()
      if (blocked) this.abortAll(blocked)
    }
  }

  /** The reader waits and nothing comes: it must learn of it. */
  #checkStall(): void {
    const { payer, seller, arrivals, stallMs: patienceMs } = this.#sources
    const now = performance.now()
    seller.noteLost(now)
    payer.kick()
    this.tell()
    // A seller that lives says something now and then: without that, there is less to wait for.
    const quietMs = Math.min(SILENCE_MS, patienceMs)
    const silent = arrivals.silentFor(quietMs, now)
    const stallMs = silent ? quietMs : patienceMs
    const since = arrivals.waitingSince ?? (silent ? this.#unansweredSince : undefined)
    if (since === undefined || now - this.#awaited(since, stallMs) < stallMs) return
    const text = `nothing came for ${stallMs} ms${silent ? ", and the seller's statements do not come either" : ''}`
    this.abortAll(
      payer.error ??
        seller.heldBack(now, stallMs) ??
        this.#blockedError() ??
        payer.trouble ??
        this.#stuck(now, stallMs) ??
        new StreamError('stream-stalled', text),
    )
  }

  /** A payment that is waited for has as long as what came last, a moment after which it was sent. No payment puts the end off twice. */
  #awaited(since: number, stallMs: number): number {
    const { payer, seller } = this.#sources
    const isAwaited = payer.inFlight > 0n && seller.paused
    return isAwaited ? Math.max(since, Math.min(payer.sentAt, since + stallMs)) : since
  }

  /** A request that has no answer: its seller may be at work on it, for as long as that takes, while it gives signs of life. */
  get #unansweredSince(): number | undefined {
    return [...this.#sources.received.open].find(({ answered }) => !answered)?.startedAtMs
  }

  #stuck(now: number, ms: number): StreamError | undefined {
    const { payer, seller } = this.#sources
    const stuck = payer.inFlight > 0n && seller.paused && now - payer.sentAt >= ms
    return stuck ? stuckError(payer.inFlight) : undefined
  }

  /** Why the next payment cannot be made, if it cannot. */
  #blockedError(): StreamError | undefined {
    const { payer, seller, budget, ahead, requestLimit, stallMs } = this.#sources
    const { blocked, unknown, refusedBy } = payer
    const left = this.requestLeft
    const request = left !== undefined && left < budget.left && !refusedBy ? requestLimit : undefined
    const error = blockedError({ decision: blocked, unknown, ahead, max: budget.limit, refusedBy, request })
    if (error?.code !== 'window-too-small') return error
    // A full window is no reason to give up while what fills it may still arrive.
    const now = performance.now()
    if (seller.heldBack(now, 0)) return seller.heldBack(now, Math.min(HELD_BACK_MS, stallMs))
    return error
  }
}
