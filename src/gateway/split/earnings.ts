import type { Ledger } from '../../ledger/ledger.ts'
import { type Msat, min, minus } from '../../money/msat.ts'
import { costDown } from '../../money/price.ts'
import type { SellerEvent } from '../../seller/seller.ts'
import type { Weights } from './shares.ts'
import type { PayoutStore } from './store.ts'

/** How a route's earnings are divided; by the scope of its agreements. */
export type Splits = ReadonlyMap<string, Weights>

/**
 * Books what split routes earn: the cost of what was delivered, as far as it was paid. What was paid and not delivered is the buyer's,
 * and what was delivered on credit and never paid is nobody's.
 */
export class Earnings {
  readonly #store: PayoutStore
  readonly #splits: Splits

  constructor(store: PayoutStore, splits: Splits) {
    this.#store = store
    this.#splits = splits
  }

  /** To be told of every event of the seller. An agreement is written down before anything is delivered on it. */
  onEvent(event: SellerEvent): void {
    if (!('account' in event)) return
    const { agreement, gate, returned, closed } = event.account
    const weights = this.#splits.get(agreement.scope)
    if (!weights) return
    if (event.type === 'opened' || event.type === 'delivering') this.#store.begin(agreement.id, agreement.scope)
    // While something is being delivered the count holds steps that may be taken back.
    else if (closed || (event.type === 'delivered' && event.account.activeDeliveries === 0)) {
      this.#store.earn(agreement.id, earnedOf(gate.delivered, gate.paid, returned), weights, closed)
    }
  }

  /** Books what an earlier run delivered and did not book, by the ledger. To be called when the seller starts. */
  async catchUp(ledger: Ledger): Promise<void> {
    for (const { id, route } of this.#store.running()) {
      const weights = this.#splits.get(route)
      const record = await ledger.getAgreement(id)
      if (!weights || !record) continue
      const delivered = costDown(record.agreement.price, record.deliveredSteps)
      this.#store.earn(id, earnedOf(delivered, record.paid, record.returned), weights, record.state === 'closed')
    }
  }
}

const earnedOf = (delivered: Msat, paid: Msat, returned: Msat): Msat => min(delivered, minus(paid, returned))
