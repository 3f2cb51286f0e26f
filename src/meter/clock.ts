/** Counts milliseconds of work: it runs between `start` and `stop`, and stands still while a gate is shut. */
export class WorkClock {
  readonly #now: () => number
  #workedMs = 0
  #startedAt: number | undefined

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  start(): void {
    this.#startedAt ??= this.#now()
  }

  stop(): void {
    this.#workedMs = this.#elapsed()
    this.#startedAt = undefined
  }

  /** Whole milliseconds worked, the one that has begun included. */
  get workedMs(): bigint {
    return BigInt(Math.ceil(this.#elapsed()))
  }

  #elapsed(): number {
    return this.#workedMs + (this.#startedAt === undefined ? 0 : Math.max(0, this.#now() - this.#startedAt))
  }
}
