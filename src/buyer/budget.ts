import { type Msat, minus, msat, ZERO } from '../money/msat.ts'

/**
 * What a buyer may spend in all, routing included. A payment is taken from it before it is sent, with its fee cap, and only
 * what certainly was not spent comes back.
 */
export class Budget {
  readonly limit: Msat
  #spent: Msat = ZERO

  constructor(limit: Msat) {
    this.limit = limit
  }

  get spent(): Msat {
    return this.#spent
  }

  get left(): Msat {
    return minus(this.limit, this.#spent)
  }

  /** Takes an amount; `false`, and nothing taken, if it is not there. */
  take(amount: Msat): boolean {
    if (amount > this.left) return false
    this.#spent = msat(this.#spent + amount)
    return true
  }

  /** Was spent, whatever the limit says: a wallet that knows no cap took more for routing than it was allowed. */
  charge(amount: Msat): void {
    this.#spent = msat(this.#spent + amount)
  }

  giveBack(amount: Msat): void {
    this.#spent = minus(this.#spent, amount)
  }
}
