/** Something that happened, as listeners are told of it. Amounts are bigint, or decimal strings of msat. */
export interface LocalEvent {
  /** What it is, in a word: the `event` of the stream. */
  readonly event: string
  /** Whose it is: the name of a caller, whose listeners hear of it, as the owner's always do. */
  readonly caller: string
  readonly [field: string]: unknown
}

/** Whoever pays tells it here what happens, and listeners hear of it. A listener that throws is not told again. */
export class LocalEvents {
  readonly #listeners = new Set<(event: LocalEvent) => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  tell(event: LocalEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch {
        // Nobody's payment stops because somebody cannot listen.
        this.#listeners.delete(listener)
      }
    }
  }

  /** Returns the function that ends it. */
  listen(listener: (event: LocalEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
