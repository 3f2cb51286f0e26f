const START = { perSecond: 20, latencyMs: 200 }
const LIMITS = { leastPerSecond: 4, mostPerSecond: 100, mostInFlight: 32 }
/**
 * Latency this much above the best seen means that the node is queueing: by this factor, and by more than a busy machine's noise; if so
 * many of our payments wait there.
 */
const QUEUEING = { times: 3, ms: 100, payments: 6 }
const BURST = 8
/** Whoever was told when to ask again, and is so late, does not want any more. */
const LATE_MS = 1000
const LESS = 0.75
const FORGET_EVERY_MS = 250

/**
 * What one wallet sustains, shared by all its streams: a congestion controller for payments. While payments settle quickly it allows
 * one more a second for each; when their latency rises far above the best, it allows a quarter less, once for all that were on their way.
 */
export class Pace {
  #perSecond: number = START.perSecond
  #tokens = BURST
  #refilledAtMs: number | undefined
  #bestMs: number | undefined
  #forgetAtMs = 0
  #latencyMs: number | undefined
  #inFlight = 0
  /** Payments that were on their way when less was allowed: what they tell was answered by that. */
  #toldBefore = 0
  #streams = 0
  /** Who was told to wait, first come first served, and when each was to ask again. */
  readonly #waiting = new Map<object, number>()

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

  /**
   * Takes leave to send one payment; otherwise returns how many ms to wait before asking again. Nobody is served before those who
   * were told to wait earlier: by chance alone some of many streams would wait for ever.
   */
  take(nowMs: number, stream: object): number {
    const elapsed = nowMs - (this.#refilledAtMs ?? nowMs)
    this.#refilledAtMs = nowMs
    this.#tokens = Math.min(BURST, this.#tokens + (elapsed * this.#perSecond) / 1000)
    const before = this.#before(stream, nowMs)
    const places = LIMITS.mostInFlight - this.#inFlight - before
    const missing = before + 1 - this.#tokens
    if (places > 0 && missing <= 0) {
      this.#waiting.delete(stream)
      this.#tokens -= 1
      this.#inFlight++
      return 0
    }
    const untilPaced = (missing * 1000) / this.#perSecond
    const untilPlace = places > 0 ? 0 : ((1 - places) * this.latencyMs) / LIMITS.mostInFlight
    const waitMs = Math.max(1, Math.ceil(Math.max(untilPaced, untilPlace)))
    this.#waiting.set(stream, nowMs + waitMs)
    return waitMs
  }

  /**
   * The best is forgotten slowly, as routes change; but by the clock, as a busy node would otherwise soon have its own queue for the
   * best it ever did.
   */
  #forgottenBest(): number | undefined {
    const nowMs = this.#refilledAtMs ?? 0
    if (this.#bestMs === undefined || nowMs < this.#forgetAtMs) return this.#bestMs
    this.#forgetAtMs = nowMs + FORGET_EVERY_MS
    return this.#bestMs * 1.01
  }

  /** Does not wait any more. */
  forgo(stream: object): void {
    this.#waiting.delete(stream)
  }

  /** How many wait and came earlier. */
  #before(stream: object, nowMs: number): number {
    let count = 0
    for (const [other, dueMs] of this.#waiting) {
      if (other === stream) break
      if (dueMs + LATE_MS < nowMs) this.#waiting.delete(other)
      else count++
    }
    return count
  }

  /** A payment ended; `tookMs` if it settled. */
  ended(tookMs?: number): void {
    this.#inFlight--
    const isNews = this.#toldBefore <= 0
    if (!isNews) this.#toldBefore--
    if (tookMs === undefined) return
    this.#bestMs = Math.min(this.#forgottenBest() ?? tookMs, tookMs)
    this.#latencyMs = this.#latencyMs === undefined ? tookMs : this.#latencyMs * 0.8 + tookMs * 0.2
    const slow = this.#latencyMs > Math.max(this.#bestMs * QUEUEING.times, this.#bestMs + QUEUEING.ms)
    // Of what is on its way, the best time explains so much; the rest waits. Where little does, sending less would make nothing quicker.
    const queue = this.#inFlight * (1 - this.#bestMs / this.#latencyMs)
    if (!slow || queue < QUEUEING.payments) this.#perSecond = Math.min(LIMITS.mostPerSecond, this.#perSecond + 1)
    else if (isNews) {
      this.#perSecond = Math.max(LIMITS.leastPerSecond, this.#perSecond * LESS)
      this.#toldBefore = this.#inFlight
    }
  }
}

const paces = new WeakMap<object, Pace>()

/** The pace of a wallet, by its object: whoever pays with the same one shares what it sustains. */
export function paceOf(wallet: object): Pace {
  const pace = paces.get(wallet) ?? new Pace()
  paces.set(wallet, pace)
  return pace
}
