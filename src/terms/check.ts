import { msat } from '../money/msat.ts'
import { price } from '../money/price.ts'
import type { Terms } from './terms.ts'

/**
 * Checks terms that came out of foreign code: a policy or a strategy is often ten lines of somebody's own.
 * @param who for the message, such as "the policy"
 * @throws StreamError, or TypeError, for whatever are no terms in the unit expected
 */
export function checkTerms(who: string, terms: Terms, unit: string): Terms {
  const { price: asked, credit, smallestPayment } = terms
  const checked = price(asked.msat, asked.per, asked.unit)
  if (checked.unit !== unit) throw new TypeError(`${who} answered in ${checked.unit}`)
  const amounts = [checked.msat, checked.per, credit.start, credit.max, credit.ramp, smallestPayment]
  if (amounts.some((amount) => typeof amount !== 'bigint')) throw new TypeError(`${who} answered with a float`)
  if (credit.ramp < 0n) throw new TypeError(`${who} answered with a negative ramp`)
  return {
    price: checked,
    credit: { start: msat(credit.start), max: msat(credit.max), ramp: credit.ramp },
    smallestPayment: msat(smallestPayment),
  }
}
