/** How long one sample of consumption is, and how many are kept: the best of two seconds, as a stalled sample says little. */
const SAMPLE_MS = 200
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
    if (elapsed < SAMPLE_MS) return
    const rate = ((received - this.#since.received) * 1000n) / BigInt(Math.max(1, Math.round(elapsed)))
    this.#samples.push(rate > 0n ? rate : 0n)
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    this.#since = { atMs: nowMs, received }
  }

  get perSecond(): bigint {
    return this.#samples.reduce((best, rate) => (rate > best ? rate : best), 0n)
  }
}
