import type { Ledger } from '../ledger/ledger.ts'
import type { Gate } from '../meter/gate.ts'
import { stepsFor } from '../money/price.ts'
import { creditAt } from '../terms/credit.ts'

/**
 * What the ledger was told of an agreement's delivery: how far it is, and how far it may go before the next write.
 *
 * Invariant: a step leaves only if the ledger's `leasedSteps` cover it. At a credit of zero the ledger's `deliveredSteps` do too,
 * so a crash gives nothing away; with credit it gives away at most what the credit buys.
 */
export class Lease {
  readonly #ledger: Ledger
  readonly #agreementId: string
  readonly #gate: Gate
  /** The ledger has leased at least this much, whichever of the writes under way stand. */
  #leased: bigint
  /** The ledger has at most this much as delivered. */
  #written: bigint
  #writes = 0
  #takingBack = false

  constructor(ledger: Ledger, agreementId: string, gate: Gate) {
    this.#ledger = ledger
    this.#agreementId = agreementId
    this.#gate = gate
    this.#leased = gate.deliveredSteps
    this.#written = gate.deliveredSteps
  }

  /** So many steps more may leave without a write. */
  covers(steps: bigint): boolean {
    return this.#gate.deliveredSteps + steps <= this.#leased
  }

  /**
   * Writes what the gate has granted as delivered, before it leaves, and leases what the credit buys beyond it.
   * @throws StreamError `ledger-failed`: then what was granted must not leave
   */
  extend(): Promise<void> {
    const { price, credit, paid } = this.#gate
    return this.#write(stepsFor(price, creditAt(credit, paid)) ?? 0n)
  }

  /** Writes what was delivered exactly, with nothing beyond it. @throws StreamError `ledger-failed` */
  settle(): Promise<void> {
    return this.#write(0n)
  }

  /**
   * The gate took steps back: where the ledger has them as delivered, it is told, or they would be charged after a crash.
   * One write for all that is taken back at a moment, and none where a lease covers them.
   */
  takenBack(): void {
    if (this.#takingBack || this.#gate.deliveredSteps >= this.#written) return
    this.#takingBack = true
    queueMicrotask(() => {
      this.#takingBack = false
      // A ledger that cannot be written now is told by the next write: `#written` stands.
      if (this.#gate.deliveredSteps < this.#written) this.extend().catch(() => {})
    })
  }

  async #write(ahead: bigint): Promise<void> {
    const { deliveredSteps } = this.#gate
    const leased = deliveredSteps + ahead
    const write = ++this.#writes
    // Until it is known whether this write stands, only what is leased with it and without it may leave.
    if (leased < this.#leased) this.#leased = leased
    if (deliveredSteps > this.#written) this.#written = deliveredSteps
    await this.#ledger.lease(this.#agreementId, deliveredSteps, leased)
    // Writes take effect in their order: a later one has replaced this one.
    if (write !== this.#writes) return
    this.#leased = leased
    this.#written = deliveredSteps
  }
}
