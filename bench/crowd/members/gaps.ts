import type { Stalls } from './orders.ts'

/**
 * Watches for gaps in what comes: how often, and for how long, longer than the bound nothing came. Times are monotonic ms.
 * @example const gaps = new Gaps(500); gaps.came(0); gaps.came(700); gaps.count // 1
 */
export class Gaps {
  readonly #boundMs: number
  #lastMs: number | undefined
  count = 0
  longestMs = 0
  /** Of the gaps above the bound, all of their length. */
  totalMs = 0

  constructor(boundMs: number) {
    this.#boundMs = boundMs
  }

  came(nowMs: number): void {
    this.#note(nowMs)
    this.#lastMs = nowMs
  }

  /** Nothing comes any more: what was waited for up to now is a gap like any other. */
  end(nowMs: number): void {
    this.#note(nowMs)
    this.#lastMs = undefined
  }

  /** What there was so far; from here on it counts anew. */
  take(): Stalls {
    const { count, longestMs, totalMs } = this
    this.count = this.longestMs = this.totalMs = 0
    return { count, longestMs, totalMs }
  }

  #note(nowMs: number): void {
    if (this.#lastMs === undefined) return
    const gapMs = nowMs - this.#lastMs
    this.longestMs = Math.max(this.longestMs, gapMs)
    if (gapMs <= this.#boundMs) return
    this.count++
    this.totalMs += gapMs
  }
}

/**
 * The picture of a player: it starts with the first segment, and stands still whenever what was loaded is played.
 * @example const playing = new Playing(); playing.loaded(2000, 0); playing.bufferedMs(500) // 1500
 */
export class Playing {
  /** When all that was loaded will have been played. */
  #endMs: number | undefined
  count = 0
  longestMs = 0
  totalMs = 0

  loaded(ms: number, nowMs: number): void {
    this.#note(nowMs)
    this.#endMs = Math.max(this.#endMs ?? nowMs, nowMs) + ms
  }

  bufferedMs(nowMs: number): number {
    return Math.max(0, (this.#endMs ?? nowMs) - nowMs)
  }

  end(nowMs: number): void {
    this.#note(nowMs)
    this.#endMs = undefined
  }

  /** What there was so far; from here on it counts anew. */
  take(): Stalls {
    const { count, longestMs, totalMs } = this
    this.count = this.longestMs = this.totalMs = 0
    return { count, longestMs, totalMs }
  }

  #note(nowMs: number): void {
    const stoodMs = nowMs - (this.#endMs ?? nowMs)
    if (stoodMs <= 0) return
    this.count++
    this.longestMs = Math.max(this.longestMs, stoodMs)
    this.totalMs += stoodMs
  }
}
