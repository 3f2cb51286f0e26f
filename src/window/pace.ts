const START = { perSecond: 20, latencyMs: 200 }
const LIMITS = { leastPerSecond: 4, mostPerSecond: 100, mostInFlight: 32 }
/** Latency this much above the best seen means that the node is queueing: by this factor, and by more than a busy machine's noise. */
const QUEUEING = { times: 3, ms: 100 }
const BURST = 8

/**
 * What one wallet sustains, shared by all its streams: a congestion controller for payments. While payments settle quickly it allows
 * one more a second for each; when their latency rises far above the best, it allows a tenth less.
 */
export class Pace {
  #perSecond: number = START.perSecond
  #tokens = BURST
  #refilledAtMs: number | undefined
  #bestMs: number | undefined
  #latencyMs: number | undefined
  #inFlight = 0
  #streams = 0

  /** Smoothed time of a payment from sending to its preimage, in ms. */
  get latencyMs(): number {
    return this.#latencyMs ?? START.latencyMs
  }

  /** The best payment time seen, in ms; `undefined` before the first. */
  get bestLatencyMs(): number | undefined {
    return this.#bestMs
  }

  /** One stream's share of the payments a second. */
  get share(): number {
    // What may be in flight at once bounds it too, once payments are slow.
    const perSecond = Math.min(this.#perSecond, (LIMITS.mostInFlight * 1000) / Math.max(1, this.latencyMs))
    return perSecond / Math.max(1, this.#streams)
  }

  join(): () => void {
    this.#streams++
    return () => {
      this.#streams--
    }
  }

  /** Takes leave to send one payment; otherwise returns how many ms to wait before asking again. */
  take(nowMs: number): number {
    const elapsed = nowMs - (this.#refilledAtMs ?? nowMs)
    this.#refilledAtMs = nowMs
    this.#tokens = Math.min(BURST, this.#tokens + (elapsed * this.#perSecond) / 1000)
    if (this.#inFlight >= LIMITS.mostInFlight) return this.latencyMs
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond)
    this.#tokens -= 1
    this.#inFlight++
    return 0
  }

  /** A payment ended; `tookMs` if it settled. */
  ended(tookMs?: number): void {
    this.#inFlight--
    if (tookMs === undefined) return
    this.#bestMs = Math.min(this.#bestMs === undefined ? tookMs : this.#bestMs * 1.01, tookMs)
    this.#latencyMs = this.#latencyMs === undefined ? tookMs : this.#latencyMs * 0.8 + tookMs * 0.2
    const queueing = this.#latencyMs > Math.max(this.#bestMs * QUEUEING.times, this.#bestMs + QUEUEING.ms)
    this.#perSecond = queueing
      ? Math.max(LIMITS.leastPerSecond, this.#perSecond * 0.9)
      : Math.min(LIMITS.mostPerSecond, this.#perSecond + 1)
  }
}

const paces = new WeakMap<object, Pace>()

/** The pace of a wallet, by its object: whoever pays with the same one shares what it sustains. */
export function paceOf(wallet: object): Pace {
  const pace = paces.get(wallet) ?? new Pace()
  paces.set(wallet, pace)
  return pace
}
