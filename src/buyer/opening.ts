import { type Msat, max, minus } from '../money/msat.ts'
import { costUp } from '../money/price.ts'
import type { Terms } from '../terms/terms.ts'
import { paymentLadder } from '../window/window.ts'

/** What is paid before anything came: a quarter of the window, and enough for one step. */
export function openingAmount({ price, credit, smallestPayment }: Terms, ahead: Msat): Msat {
  const ladder = paymentLadder(ahead, smallestPayment)
  const quarter = ladder.find((rung) => rung <= ahead / 4n) ?? ladder.at(-1)!
  return max(quarter, minus(costUp(price, 1n), credit.start))
}

/** The amounts to ask the first invoices for, so that the first payment needs no further round trip. */
export function firstInvoices(terms: Terms, ahead: Msat): Msat[] {
  const { price, smallestPayment } = terms
  if (price.msat === 0n) return []
  const first = price.unit === 'request' ? costUp(price, 1n) : openingAmount(terms, ahead)
  return [max(first, smallestPayment)]
}
