import { toStreamError } from '../../errors/error.ts'
import type { Settlement } from '../node.ts'

/** One subscriber. It keeps its own place, and reads up from the node's record wherever it sees a gap. */
export class SettlementFeed {
  #place: bigint
  #ended = false
  #reading = false
  /** Something may have been missed while reading. */
  #again = false
  readonly #read: (since: bigint) => Promise<Settlement[]>
  readonly #onSettled: (settlement: Settlement) => void
  readonly #onError: (error: Error) => void

  constructor(
    since: bigint,
    read: (since: bigint) => Promise<Settlement[]>,
    onSettled: (settlement: Settlement) => void,
    onError: (error: Error) => void,
  ) {
    this.#place = since
    this.#read = read
    this.#onSettled = onSettled
    this.#onError = onError
  }

  /** Takes what the node just told, or reads up if that does not follow on what this subscriber has. */
  hear(settlements: readonly Settlement[]): void {
    const first = settlements[0]
    if (first && !this.#reading && first.index <= this.#place + 1n) this.#deliver(settlements)
    else this.readUp()
  }

  /** Reads all that is recorded above the subscriber's place. */
  readUp(): void {
    this.#again = true
    if (this.#reading) return
    this.#reading = true
    this.#readAll()
      .catch((error) => this.fail(toStreamError(error)))
      .finally(() => {
        this.#reading = false
      })
  }

  fail(error: Error): void {
    if (!this.#ended) this.#onError(error)
  }

  end(): void {
    this.#ended = true
  }

  async #readAll(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false
      const page = await this.#read(this.#place)
      this.#deliver(page)
      // A page may be full; an empty one is the end.
      if (page.length > 0) this.#again = true
    }
  }

  #deliver(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) {
      if (this.#ended || settlement.index <= this.#place) continue
      this.#place = settlement.index
      try {
        this.#onSettled(settlement)
      } catch (error) {
        this.fail(toStreamError(error))
      }
    }
  }
}
