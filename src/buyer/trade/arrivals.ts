/** Longer than this nothing that was sent is on its way. */
const ON_THE_WAY_MS = 1000

/**
 * When something last came, and what the readers wait for. Times are monotonic ms.
 *
 * What the seller says has left and what arrived take different ways: a statement may overtake the data that it speaks of, and
 * data may hang where statements do not.
 */
export class Arrivals {
  /** Since when a reader waits for the next piece of a body. */
  #waitingSince: number | undefined
  /** Since when the seller says that more left than arrived, while nothing arrives. */
  #behindSince: number | undefined
  #aliveAt: number | undefined

  get waitingSince(): number | undefined {
    return this.#waitingSince
  }

  waiting(nowMs: number): void {
    this.#waitingSince ??= nowMs
  }

  /** A piece of a body came. */
  came(): void {
    this.#waitingSince = undefined
    this.#behindSince = undefined
  }

  /** The seller said that more left than arrived. */
  behind(nowMs: number): void {
    this.#behindSince ??= nowMs
  }

  /** The control channel gave a sign of life. */
  alive(nowMs: number): void {
    this.#aliveAt = nowMs
  }

  /** Nothing was heard from the seller for this long. */
  silentFor(ms: number, nowMs: number): boolean {
    return this.#aliveAt === undefined || nowMs - this.#aliveAt >= ms
  }

  /**
   * Whether what has left can still be on its way to readers that wait since `since`. What was cut never arrives; what the
   * seller says has left is given time from when that was heard.
   */
  inVain(since: number | undefined, nowMs: number): boolean {
    return since !== undefined && nowMs - Math.max(since, this.#behindSince ?? since) > ON_THE_WAY_MS
  }

  /** Nothing came for this long though the seller said that more had left. */
  behindFor(ms: number, nowMs: number): boolean {
    return this.#behindSince !== undefined && nowMs - this.#behindSince >= ms
  }
}
