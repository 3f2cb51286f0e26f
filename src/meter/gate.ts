import { type Msat, minus, msat } from '../money/msat.ts'
import { costDown, costUp, type Price, stepsFor } from '../money/price.ts'
import { creditAt } from '../terms/credit.ts'
import type { Credit } from '../terms/terms.ts'

/** What a gate starts from: all zero for a new agreement, the ledger's record for a resumed one. */
export interface GateState {
  readonly deliveredSteps: bigint
  readonly paid: Msat
}

interface Waiter {
  readonly steps: bigint
  readonly least: bigint
  readonly open: (granted: bigint) => void
}

/**
 * The seller's invariant in one place: `delivered - paid <= credit`, always.
 *
 * A step is reserved before it leaves, and is refused if its cost, rounded up, is not covered by what was paid plus the
 * credit. One gate serves every delivery of an agreement; whoever is refused may wait, first come first served.
 */
export class Gate {
  readonly price: Price
  readonly credit: Credit
  #delivered: bigint
  #paid: Msat
  /** The most steps that may ever have left, at what is paid now. `undefined`: a price of zero. */
  #limit: bigint | undefined
  #maxUnpaid = 0n
  #waiters: Waiter[] = []

  constructor(price: Price, credit: Credit, state: GateState) {
    this.price = price
    this.credit = credit
    this.#delivered = state.deliveredSteps
    this.#paid = state.paid
    this.#limit = this.#computeLimit()
  }

  get deliveredSteps(): bigint {
    return this.#delivered
  }

  get paid(): Msat {
    return this.#paid
  }

  /** Cost of what was delivered, rounded down: what the seller may charge. */
  get delivered(): Msat {
    return costDown(this.price, this.#delivered)
  }

  get balance(): Msat {
    return minus(this.#paid, this.delivered)
  }

  /** What the seller had at risk at worst so far; at most the credit. */
  get maxUnpaid(): Msat {
    this.#noteUnpaid()
    return msat(this.#maxUnpaid)
  }

  /** Somebody waits for money. */
  get shut(): boolean {
    return this.#waiters.length > 0
  }

  /** What must still be paid before the first who waits can go on; zero if nobody does. */
  get due(): Msat {
    const first = this.#waiters[0]
    if (!first) return msat(0n)
    return minus(costUp(this.price, this.#delivered + first.least), this.#paid + creditAt(this.credit, this.#paid))
  }

  /**
   * Reserves as many of `steps` as are covered, and none if that is fewer than `least`. Returns how many.
   * Bytes can be cut anywhere (`least` 1), a token or a request cannot (`least` = `steps`).
   */
  reserve(steps: bigint, least: bigint = steps): bigint {
    // Those who wait go first, or a stream of small requests would starve a large one.
    return this.#waiters.length > 0 ? 0n : this.#grant(steps, least)
  }

  /** Takes back steps that were reserved and did not leave, or that are not charged. */
  release(steps: bigint): void {
    this.#noteUnpaid()
    this.#delivered -= steps
    this.#wake()
  }

  /** Books a settled payment. Money is only ever booked from the seller's own node. */
  pay(amount: Msat): void {
    this.setPaid(msat(this.#paid + amount))
  }

  /** Sets the total that the ledger says was paid. */
  setPaid(total: Msat): void {
    this.#noteUnpaid()
    this.#paid = total
    this.#limit = this.#computeLimit()
    this.#wake()
  }

  /**
   * As `reserve`, but waits for its turn and for money. Resolves to the number of steps reserved.
   * @throws the signal's reason when it aborts first; then nothing is reserved
   */
  acquire(steps: bigint, least: bigint, signal: AbortSignal): Promise<bigint> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const waiter: Waiter = {
        steps,
        least,
        open: (granted) => {
          signal.removeEventListener('abort', abort)
          resolve(granted)
        },
      }
      const abort = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        this.#wake()
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiters.push(waiter)
      this.#wake()
    })
  }

  #grant(steps: bigint, least: bigint): bigint {
    const left = this.#limit === undefined ? steps : this.#limit - this.#delivered
    const granted = left < steps ? left : steps
    if (granted < least) return 0n
    this.#delivered += granted
    return granted
  }

  #computeLimit(): bigint | undefined {
    return stepsFor(this.price, this.#paid + creditAt(this.credit, this.#paid))
  }

  #noteUnpaid(): void {
    const unpaid = costUp(this.price, this.#delivered) - this.#paid
    if (unpaid > this.#maxUnpaid) this.#maxUnpaid = unpaid
  }

  #wake(): void {
    for (let first = this.#waiters[0]; first; first = this.#waiters[0]) {
      const granted = this.#grant(first.steps, first.least)
      if (granted === 0n) return
      this.#waiters.shift()
      first.open(granted)
    }
  }
}
