/** How much at once, and how much a second after that. */
export interface Rate {
  /** How many at once: requests, invoices, or msat, as what has the rate says. */
  readonly burst: number
  /** How many more a second after that, in the same unit. */
  readonly perSecond: number
}

/** Tokens gained in parts add up to a whole one less a rounding: who waited as long as it was told gets it. */
const ROUNDING = 1e-6

/** Holds up to `burst` tokens and gains `perSecond`. Times are of a monotonic clock, in ms. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #atMs: number

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#atMs = nowMs
  }

  /**
   * Takes so many tokens and returns 0; or takes none, and returns for how many ms to wait until they are there. What is more than
   * the bucket holds is taken from a full one.
   */
  take(count: number, nowMs: number): number {
    const { burst, perSecond } = this.#rate
    this.#refill(nowMs)
    const wanted = Math.min(count, burst)
    const missing = wanted - this.#tokens
    if (missing > ROUNDING) return Math.ceil(((missing - ROUNDING) / perSecond) * 1000)
    this.#tokens = Math.max(0, this.#tokens - wanted)
    return 0
  }

  /** Takes as many of `count` as are there, in whole ones. Returns how many. */
  takeUpTo(count: number, nowMs: number): number {
    this.#refill(nowMs)
    const taken = Math.min(count, Math.floor(this.#tokens + ROUNDING))
    this.#tokens = Math.max(0, this.#tokens - taken)
    return taken
  }

  #refill(nowMs: number): void {
    const { burst, perSecond } = this.#rate
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * perSecond)
    this.#atMs = nowMs
  }

  giveBack(count: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + count)
  }
}

/** A bucket for each key. Of more than `most` keys the one that was used longest ago is forgotten, and starts full if it comes again. */
export class KeyedBuckets {
  readonly #rate: Rate
  readonly #most: number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(rate: Rate, most: number) {
    this.#rate = rate
    this.#most = most
  }

  get size(): number {
    return this.#buckets.size
  }

  of(key: string, nowMs: number): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, nowMs)
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#most) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    }
    return bucket
  }
}
