interface Sample {
  readonly atMs: number
  readonly steps: bigint
  readonly earned: bigint
}

const WINDOW_MS = 5000
/** One a second fills the window; more in a hurry replace the newest. */
const LEAST_APART_MS = 250

/** How fast something goes, over the last five seconds. */
export class RateOfStream {
  #samples: Sample[] = []

  /** `atMs` by a clock that only goes forward. */
  note(atMs: number, steps: bigint, earned: bigint): void {
    const last = this.#samples.at(-1)
    if (last && this.#samples.length > 1 && atMs - last.atMs < LEAST_APART_MS) this.#samples.pop()
    this.#samples.push({ atMs, steps, earned })
    while (this.#samples.length > 2 && atMs - this.#samples[1]!.atMs >= WINDOW_MS) this.#samples.shift()
  }

  /** Steps and msat a second, whole, rounded down; zero where they went back. */
  get perSecond(): { readonly steps: bigint; readonly msat: bigint } {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    const ms = first && last ? BigInt(Math.floor(last.atMs - first.atMs)) : 0n
    if (!first || !last || ms <= 0n) return { steps: 0n, msat: 0n }
    const rate = (amount: bigint) => (amount > 0n ? (amount * 1000n) / ms : 0n)
    return { steps: rate(last.steps - first.steps), msat: rate(last.earned - first.earned) }
  }
}
