/** Both clocks of a process. */
export interface Clock {
  /** Time of day, as others have it: in invoices, offers and the ledger. Can be set, and jump. */
  readonly nowMs: () => number
  /** Only ever runs forward, at an even pace: for how long something took. */
  readonly monotonicMs: () => number
}

export const systemClock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }

/** Tells by how much the time of day was set, forward or back, since it was last asked. */
export class JumpWatch {
  readonly #clock: Clock
  #offsetMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = this.#offset()
  }

  jumpedMs(): number {
    const offsetMs = this.#offset()
    const jumpedMs = offsetMs - this.#offsetMs
    this.#offsetMs = offsetMs
    return jumpedMs
  }

  #offset(): number {
    return this.#clock.nowMs() - this.#clock.monotonicMs()
  }
}
