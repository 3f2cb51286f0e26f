import { StreamError } from '../errors/error.ts'
import type { Account } from './account.ts'
import { KeyedBuckets, type Rate, TokenBucket } from './buckets.ts'
import type { Clock } from './clock.ts'

/**
 * What others may cause at this seller before it answers 429 with a `Retry-After`. Generous for buyers; a crowd of strangers may need
 * more of it, a small node less.
 */
export interface SellerLimits {
  /**
   * Invoices and signatures that one address (of IPv6: a /64) may have the node make for agreements that nobody has paid on. An
   * acceptance counts as one at least; what was made for an agreement counts no more once it is paid on. 256 at once, and one in four
   * seconds after that: then one address cannot take all places of `maxUnpaidAgreements`.
   */
  readonly strangerRate: Rate
  /** The same for all addresses together, and whatever is paid: 2,048 at once, and 64 a second after that. */
  readonly strangersRate: Rate
  /**
   * Invoices for the field's schemes (L402, charge, session) that one address is shown: 32 at once, and one in 15 seconds after that; one
   * that is paid counts no more. Beyond these three bounds a 402 offers `stream` alone, which needs no invoice.
   */
  readonly offerRate: Rate
  /** The same for all addresses together, and whatever is paid: 512 at once, and 16 a second after that. */
  readonly offersRate: Rate
  /** Such invoices that nobody paid, at once: 1,000. */
  readonly unpaidOffers: number
  /** Addresses that are remembered: 10,000. */
  readonly addresses: number
  /** Requests and watches of agreements that nobody has paid on yet, each of which holds a connection: 1,024. */
  readonly waiting: number
  /** The same for one agreement, in requests and watches: 128. */
  readonly waitingPerAgreement: number
  /** Requests on one agreement at once: 1,024. */
  readonly deliveriesPerAgreement: number
  /** Watches of one agreement at once: 32. */
  readonly watchesPerAgreement: number
  /**
   * What the seller spends on the routing of returns, over all agreements, in msat: 1,000 sat at once, and 2,000 sat a day after that. A
   * buyer may be the only route to itself, and earn what its returns cost. A return that is not covered goes where routing is free.
   */
  readonly returnFees: Rate
}

export const LIMITS: SellerLimits = {
  strangerRate: { burst: 256, perSecond: 0.25 },
  strangersRate: { burst: 2048, perSecond: 64 },
  offerRate: { burst: 32, perSecond: 1 / 15 },
  offersRate: { burst: 512, perSecond: 16 },
  unpaidOffers: 1000,
  addresses: 10_000,
  waiting: 1024,
  waitingPerAgreement: 128,
  deliveriesPerAgreement: 1024,
  watchesPerAgreement: 32,
  returnFees: { burst: 1_000_000, perSecond: 2_000_000 / 86_400 },
}

/** The place of an unpaid invoice. Either may be called once. */
export interface OfferPlace {
  readonly paid: () => void
  readonly unused: () => void
}

/** Returns that one agreement may ask for: each has the node look or pay. */
const RETURN_RATE: Rate = { burst: 16, perSecond: 1 / 60 }
/** When a stream ends is not known; most end soon. */
const SOON_MS = 1000

/** Decides what is too much, by the monotonic clock. */
export class Limits {
  /** What the routing of returns may cost. */
  readonly returnFees: TokenBucket
  readonly #limits: SellerLimits
  readonly #nowMs: () => number
  readonly #addresses: KeyedBuckets
  readonly #strangers: TokenBucket
  readonly #offerAddresses: KeyedBuckets
  readonly #offers: TokenBucket
  /** When each unpaid invoice of a 402 is forgotten, oldest first. */
  readonly #unpaidOffers = new Map<symbol, number>()
  readonly #returns = new WeakMap<Account, TokenBucket>()
  readonly #watches = new WeakMap<Account, number>()
  readonly #waitingOn = new WeakMap<Account, number>()
  /** When each connection that waits for a first payment gives up, by its own key. */
  readonly #waiting = new Map<symbol, number>()

  constructor(limits: Partial<SellerLimits>, clock: Clock) {
    this.#limits = { ...LIMITS, ...limits }
    this.#nowMs = clock.monotonicMs
    this.#addresses = new KeyedBuckets(this.#limits.strangerRate, this.#limits.addresses)
    this.returnFees = new TokenBucket(this.#limits.returnFees, this.#nowMs())
    this.#strangers = new TokenBucket(this.#limits.strangersRate, this.#nowMs())
    this.#offerAddresses = new KeyedBuckets(this.#limits.offerRate, this.#limits.addresses)
    this.#offers = new TokenBucket(this.#limits.offersRate, this.#nowMs())
  }

  /**
   * A stranger has the node make so many invoices or signatures. Returns what to call once it has paid.
   * @throws StreamError `rate-limited`
   */
  stranger(address: string | undefined, calls: number): () => void {
    const nowMs = this.#nowMs()
    const own = address === undefined ? undefined : this.#addresses.of(address, nowMs)
    const ownWaitMs = own?.take(calls, nowMs) ?? 0
    if (ownWaitMs > 0) throw limited('too much was asked for from this address before anything was paid', ownWaitMs)
    const waitMs = this.#strangers.take(calls, nowMs)
    if (waitMs === 0) return () => own?.giveBack(calls)
    own?.giveBack(calls)
    throw limited('too much was asked for by strangers before anything was paid', waitMs)
  }

  /**
   * An invoice is about to be made for a 402. Returns a place for it, which is taken for `forMs` unless it is paid; or for how long there is
   * none.
   */
  offer(address: string | undefined, forMs: number): OfferPlace | { readonly waitMs: number } {
    const nowMs = this.#nowMs()
    for (const [key, untilMs] of this.#unpaidOffers) {
      if (untilMs > nowMs) break
      this.#unpaidOffers.delete(key)
    }
    if (this.#unpaidOffers.size >= this.#limits.unpaidOffers) {
      const [firstMs = nowMs] = this.#unpaidOffers.values()
      return { waitMs: firstMs - nowMs }
    }
    const own = address === undefined ? undefined : this.#offerAddresses.of(address, nowMs)
    const ownWaitMs = own?.take(1, nowMs) ?? 0
    if (ownWaitMs > 0) return { waitMs: ownWaitMs }
    const waitMs = this.#offers.take(1, nowMs)
    if (waitMs > 0) {
      own?.giveBack(1)
      return { waitMs }
    }
    const key = Symbol()
    this.#unpaidOffers.set(key, nowMs + forMs)
    const leave = () => {
      own?.giveBack(1)
      this.#unpaidOffers.delete(key)
    }
    // What the node was asked for in vain counts for all addresses still: a node in trouble is not asked more often.
    return { paid: leave, unused: leave }
  }

  /** @throws StreamError `rate-limited` */
  asksForReturn(account: Account): void {
    const nowMs = this.#nowMs()
    const bucket = this.#returns.get(account) ?? new TokenBucket(RETURN_RATE, nowMs)
    this.#returns.set(account, bucket)
    const waitMs = bucket.take(1, nowMs)
    if (waitMs > 0) throw limited('too many returns were asked for on this agreement', waitMs)
  }

  /** @throws StreamError `too-many-streams` */
  delivers(account: Account): void {
    const most = this.#limits.deliveriesPerAgreement
    if (account.activeDeliveries >= most) throw tooMany(`${most} requests on this agreement run already`, SOON_MS)
  }

  /** Somebody watches. Returns what to call at its end. @throws StreamError `too-many-streams` */
  watches(account: Account): () => void {
    const most = this.#limits.watchesPerAgreement
    if (countOf(this.#watches, account) >= most) throw tooMany(`${most} watch this agreement already`, SOON_MS)
    return counted(this.#watches, account)
  }

  /**
   * A connection waits for an agreement's first payment, for up to `forMs`. Returns what to call when it no longer does.
   * @throws StreamError `too-many-streams`
   */
  waits(account: Account, forMs: number): () => void {
    const { waiting, waitingPerAgreement } = this.#limits
    const nowMs = this.#nowMs()
    if (countOf(this.#waitingOn, account) >= waitingPerAgreement) {
      throw tooMany(`${waitingPerAgreement} requests wait for the first payment on this agreement already`, SOON_MS)
    }
    if (this.#waiting.size >= waiting) {
      const firstMs = Math.min(...this.#waiting.values())
      throw tooMany('too many requests wait for a first payment', firstMs - nowMs)
    }
    const key = Symbol()
    this.#waiting.set(key, nowMs + forMs)
    const leave = counted(this.#waitingOn, account)
    return () => {
      if (this.#waiting.delete(key)) leave()
    }
  }
}

/** Seconds to wait, whole and at least one, as `Retry-After` has them. */
export const retryAfter = (waitMs: number): { readonly retryAfter: string } => ({
  retryAfter: `${Math.max(1, Math.ceil(waitMs / 1000))}`,
})

const limited = (message: string, waitMs: number): StreamError =>
  new StreamError('rate-limited', message, retryAfter(waitMs))
const tooMany = (message: string, waitMs: number): StreamError =>
  new StreamError('too-many-streams', message, retryAfter(waitMs))

const countOf = (counts: WeakMap<Account, number>, account: Account): number => counts.get(account) ?? 0

/** Counts one more, and returns what counts it off, once. */
function counted(counts: WeakMap<Account, number>, account: Account): () => void {
  counts.set(account, countOf(counts, account) + 1)
  let over = false
  return () => {
    if (!over) counts.set(account, countOf(counts, account) - 1)
    over = true
  }
}
