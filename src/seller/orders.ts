/** Orders of one agreement that are remembered: a buyer repeats its latest ones only. */
const MAX_REMEMBERED = 4

/**
 * The latest orders of invoices of an agreement. A buyer that got no answer sends its order again, and must not use up its
 * share of open invoices with those that it never saw. Not kept over a restart: then the repeated order mints new ones.
 */
export class Orders {
  readonly #latest = new Map<string, Promise<readonly string[]>>()

  /** The invoices of this very order, made by `make` unless they were before. Rejects as `make` does. */
  once(key: string, make: () => Promise<readonly string[]>): Promise<readonly string[]> {
    const known = this.#latest.get(key)
    if (known) return known
    const made = make()
    this.#latest.set(key, made)
    // An order that failed made nothing, and is tried again.
    made.catch(() => this.#latest.delete(key))
    const [oldest] = this.#latest.keys()
    if (oldest !== undefined && this.#latest.size > MAX_REMEMBERED) this.#latest.delete(oldest)
    return made
  }
}
