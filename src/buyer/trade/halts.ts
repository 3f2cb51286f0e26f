/** Counts a trade's halts: how often, and for how long, its reader waited while the seller waited for money. */
export class Halts {
  #since: number | undefined
  #totalMs = 0
  #count = 0

  get halted(): boolean {
    return this.#since !== undefined
  }

  get count(): number {
    return this.#count
  }

  /** @param nowMs monotonic */
  totalMs(nowMs: number): number {
    return this.#totalMs + (this.#since === undefined ? 0 : nowMs - this.#since)
  }

  note(halted: boolean, nowMs: number): void {
    if (halted && this.#since === undefined) {
      this.#count++
      this.#since = nowMs
    } else if (!halted && this.#since !== undefined) {
      this.#totalMs += nowMs - this.#since
      this.#since = undefined
    }
  }
}
