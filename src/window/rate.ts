/** How long one sample of consumption is, and how many are kept: the best of two seconds, as a stalled sample says little. */
const SAMPLE_MS = 200
/** The first sample is short, so that the first payments are not blind for long. */
const FIRST_SAMPLE_MS = 25
const SAMPLES = 10
/** Of a longer time than this too much may have been spent waiting for money. */
const LONGEST_MS = 1000

interface Sample {
  readonly received: bigint
  readonly ms: number
}

/**
 * Measures consumption in msat a second: the highest of the last samples, because a stream that waits for money would
 * otherwise look slow and be paid for slowly.
 */
export class RateMeter {
  #samples: Sample[] = []
  #best: { readonly overMs: number; readonly rate: bigint } | undefined
  #since: { readonly atMs: number; readonly received: bigint } | undefined

  /** @param received the running total, in msat  @param nowMs monotonic */
  note(received: bigint, nowMs: number): void {
    this.#since ??= { atMs: nowMs, received }
    const ms = nowMs - this.#since.atMs
    if (ms < (this.#samples.length === 0 ? FIRST_SAMPLE_MS : SAMPLE_MS)) return
    const sample = { received: received - this.#since.received, ms: Math.max(1, Math.round(ms)) }
    this.#since = { atMs: nowMs, received }
    // Nothing received yet says nothing about the rate to come.
    if (sample.received === 0n && this.#samples.length === 0) return
    this.#samples.push(sample)
    this.#best = undefined
    if (this.#samples.length > SAMPLES) this.#samples.shift()
  }

  /**
   * The highest rate over so long: what comes in bursts, as films do by the segment, is in the time that a payment takes no more than
   * the bursts that fall into it.
   * @param ms how long a payment takes
   */
  perSecondOver(ms: number): bigint {
    // In whole samples: it is asked for with every chunk, and is the same until there is another sample.
    const wanted = Math.min(Math.ceil(ms / SAMPLE_MS) * SAMPLE_MS, LONGEST_MS)
    if (this.#best?.overMs !== wanted) this.#best = { overMs: wanted, rate: this.#highest(wanted) }
    return this.#best.rate
  }

  #highest(wanted: number): bigint {
    let best = 0n
    for (let start = 0; start < this.#samples.length; start++) {
      const span = this.#spanFrom(start, wanted)
      // A part at the end is measured with what comes before it.
      if (span.ms < wanted && start > 0) break
      const rate = (span.received * 1000n) / BigInt(span.ms)
      if (rate > best) best = rate
    }
    return best
  }

  #spanFrom(start: number, wantedMs: number): Sample {
    let [received, ms] = [0n, 0]
    for (let i = start; i < this.#samples.length && (ms === 0 || ms < wantedMs); i++) {
      received += this.#samples[i]!.received
      ms += this.#samples[i]!.ms
    }
    return { received, ms }
  }
}
