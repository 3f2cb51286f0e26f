import { type Msat, max, minus } from '../../money/msat.ts'
import { costUp } from '../../money/price.ts'
import type { Tariff } from '../../money/tariff.ts'
import type { Terms } from '../../terms/terms.ts'
import { paymentLadder } from '../../window/window.ts'
import { firstSteps, isFlatRate } from '../received/tariffTally.ts'

/** Terms with what makes up the cost, where that is more than one thing. */
type Opening = Terms & { readonly tariff?: Tariff | undefined }

/** What is paid before anything came: a quarter of the window, and enough for the first step. */
export function openingAmount({ price, tariff, credit, smallestPayment }: Opening, ahead: Msat): Msat {
  const ladder = paymentLadder(ahead, smallestPayment)
  const quarter = ladder.find((rung) => rung <= ahead / 4n) ?? ladder.at(-1)!
  return max(quarter, minus(costUp(price, firstSteps(tariff)), credit.start))
}

/** The amounts to ask the first invoices for, so that the first payment needs no further round trip. */
export function firstInvoices(terms: Opening, ahead: Msat): Msat[] {
  const { price, tariff, smallestPayment } = terms
  if (price.msat === 0n) return []
  const first = isFlatRate(terms) ? costUp(price, firstSteps(tariff)) : openingAmount(terms, ahead)
  return [max(first, smallestPayment)]
}
