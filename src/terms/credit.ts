import { type Msat, min, msat, ZERO } from '../money/msat.ts'
import type { Credit } from './terms.ts'

export const NO_CREDIT: Credit = { start: ZERO, max: ZERO, ramp: 0n }

/** A fixed credit, from the first unit on. */
export const fixedCredit = (amount: Msat): Credit => ({ start: amount, max: amount, ramp: 0n })

/** The credit of an agreement that has paid `paid`. Both sides compute it, from the same terms. */
export function creditAt({ start, max, ramp }: Credit, paid: Msat): Msat {
  return ramp === 0n ? min(start, max) : min(max, msat(start + paid / ramp))
}
