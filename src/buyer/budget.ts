import { type Msat, min, minus, msat, ZERO } from '../money/msat.ts'

/**
 * What a buyer may spend in all, routing included. A payment is taken from it before it is sent, with its fee cap, and only
 * what certainly was not spent comes back.
 */
export class Budget {
  readonly limit: Msat
  readonly #within: Budget | undefined
  #spent: Msat = ZERO

  /** @param within a larger one, which others use too: all that is taken here is taken there */
  constructor(limit: Msat, within?: Budget) {
    this.limit = limit
    this.#within = within
  }

  get spent(): Msat {
    return this.#spent
  }

  get left(): Msat {
    const own = minus(this.limit, this.#spent)
    return this.#within ? min(own, this.#within.left) : own
  }

  /** Takes an amount; `false`, and nothing taken, if it is not there. */
  take(amount: Msat): boolean {
    if (amount > this.left) return false
    this.#within?.take(amount)
    this.#spent = msat(this.#spent + amount)
    return true
  }

  /** Was spent, whatever the limit says: a wallet that knows no cap took more for routing than it was allowed. */
  charge(amount: Msat): void {
    this.#within?.charge(amount)
    this.#spent = msat(this.#spent + amount)
  }

  giveBack(amount: Msat): void {
    this.#within?.giveBack(amount)
    this.#spent = minus(this.#spent, amount)
  }
}
