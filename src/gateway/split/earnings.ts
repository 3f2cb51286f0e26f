import type { AgreementRecord } from '../../ledger/ledger.ts'
import { type Msat, min, minus, ZERO } from '../../money/msat.ts'
import { costDown } from '../../money/price.ts'
import type { Account } from '../../seller/account.ts'
import type { Seller, SellerEvent } from '../../seller/seller.ts'
import { routeOfScope } from '../names.ts'
import type { Weights } from './shares.ts'
import type { PayoutStore } from './store.ts'

/** How a route's earnings are divided, by its name. */
export type SplitsByRoute = ReadonlyMap<string, Weights>

/** Invoices live for minutes: a day after its end nothing arrives for an agreement any more. */
const OVER_AFTER_MS = 86_400_000

/**
 * Books what split routes earn: the cost of what was delivered, as far as it was paid. What was paid and not delivered is the buyer's,
 * and what was delivered on credit and never paid is nobody's.
 */
export class Earnings {
  /** Holds for agreements that are made from now on: each keeps its own, as it keeps its price. */
  splits: SplitsByRoute = new Map()
  readonly #store: PayoutStore
  readonly #onError: (error: unknown) => void
  /** Agreements that may still earn: most of a gateway's are of routes that are not split. */
  readonly #running: Set<string>
  #seller: Pick<Seller, 'ledger' | 'accounts'> | undefined
  readonly #reading = new Set<Promise<void>>()

  constructor(store: PayoutStore, onError: (error: unknown) => void = () => {}) {
    this.#store = store
    this.#onError = onError
    this.#running = new Set(store.running())
  }

  /**
   * To be told of every event of the seller.
   * @throws StreamError `ledger-failed` where an agreement cannot be written down: then nothing is to be delivered on it
   */
  onEvent(event: SellerEvent): void {
    if (!('account' in event)) return
    const { account } = event
    if (event.type === 'opened' || event.type === 'delivering') this.#begin(account)
    else this.#book(account)
  }

  /** Follows this seller, and books what an earlier run delivered and did not book. To be called when the seller starts. */
  async start(seller: Pick<Seller, 'ledger' | 'accounts'>): Promise<void> {
    this.#seller = seller
    for (const id of this.#store.running()) await this.#bookByLedger(id)
  }

  /** Resolves when nothing is being booked any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#reading)
  }

  /** An agreement that delivered before its route was split is not divided: then it is the seller's to its end. */
  #begin({ agreement, gate }: Account): void {
    const route = routeOfScope(agreement.scope)
    const weights = this.splits.get(route)
    if (!weights || gate.deliveredSteps > 0n || this.#running.has(agreement.id)) return
    this.#store.begin(agreement.id, route, weights)
    this.#running.add(agreement.id)
  }

  #book({ agreement, gate, returned, closed, activeDeliveries }: Account): void {
    const { id } = agreement
    if (!this.#running.has(id)) return
    if (closed) {
      // What is charged in the end is in the closing statement, whatever became of deliveries that it cut off.
      const reading = this.#bookByLedger(id).catch((error) => this.#onError(error))
      this.#reading.add(reading)
      void reading.finally(() => this.#reading.delete(reading))
    } else if (activeDeliveries === 0) {
      // While something is being delivered the count holds steps that may be taken back; its end is an event too.
      this.#earn(id, gate.delivered, minus(gate.paid, returned), false)
    }
  }

  async #bookByLedger(id: string): Promise<void> {
    if (!this.#seller) return
    const { ledger, accounts } = this.#seller
    const record = await ledger.getAgreement(id)
    const account = accounts.inMemory.get(id)
    // Of one that is in use the ledger may have what is about to leave.
    if (account && !account.closed) return this.#book(account)
    // One that is forgotten was never paid.
    if (!record) return this.#earn(id, ZERO, ZERO, true)
    // A close that is under way is told when it is written.
    if (account && record.state !== 'closed') return
    const delivered = costDown(record.agreement.price, record.deliveredSteps)
    this.#earn(id, delivered, minus(record.paid, record.returned), isOver(record, delivered))
  }

  #earn(id: string, delivered: Msat, kept: Msat, isOver: boolean): void {
    try {
      this.#store.earn(id, min(delivered, kept), isOver)
      if (isOver) this.#running.delete(id)
    } catch (error) {
      // The total is the ledger's: it is booked by the next event of this agreement, or when the seller starts again.
      this.#onError(error)
    }
  }
}

function isOver({ agreement, state, paid }: AgreementRecord, delivered: Msat): boolean {
  return (state === 'closed' && paid >= delivered) || Date.now() - agreement.expiresAtMs > OVER_AFTER_MS
}
