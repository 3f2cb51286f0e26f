/** How long one sample of consumption is, and how many are kept: the best of two seconds, as a stalled sample says little. */
const SAMPLE_MS = 200
/** The first sample is short, so that the first payments are not blind for long. */
const FIRST_SAMPLE_MS = 25
const SAMPLES = 10

/**
 * Measures consumption in msat a second: the highest of the last samples, because a stream that waits for money would
 * otherwise look slow and be paid for slowly.
 */
export class RateMeter {
  #samples: bigint[] = []
  #since: { readonly atMs: number; readonly received: bigint } | undefined

  /** @param received the running total, in msat  @param nowMs monotonic */
  note(received: bigint, nowMs: number): void {
    this.#since ??= { atMs: nowMs, received }
    const elapsed = nowMs - this.#since.atMs
    if (elapsed < (this.#samples.length === 0 ? FIRST_SAMPLE_MS : SAMPLE_MS)) return
    const rate = ((received - this.#since.received) * 1000n) / BigInt(Math.max(1, Math.round(elapsed)))
    // Nothing received yet says nothing about the rate to come.
    if (rate === 0n && this.#samples.length === 0) {
      this.#since = { atMs: nowMs, received }
      return
    }
    this.#samples.push(rate)
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    this.#since = { atMs: nowMs, received }
  }

  get perSecond(): bigint {
    return this.#samples.reduce((best, rate) => (rate > best ? rate : best), 0n)
  }
}
