import { type Msat, min, msat, ZERO } from '../money/msat.ts'
import type { Credit } from './terms.ts'

export const NO_CREDIT: Credit = { start: ZERO, max: ZERO, ramp: 0n }

/** A fixed credit, from the first unit on. */
export const fixedCredit = (amount: Msat): Credit => ({ start: amount, max: amount, ramp: 0n })

/** The credit of an agreement that has paid `paid`. Both sides compute it, from the same terms. */
export function creditAt({ start, max, ramp }: Credit, paid: Msat): Msat {
  // not an amount yet: start and growth may pass 21 million BTC together, where `max` still bounds them
  const grown = ramp === 0n ? start : start + paid / ramp
  return msat(grown < max ? grown : max)
}

/** Whether credit `a` is never more than `b`, whatever was paid. */
export function creditWithin(a: Credit, b: Credit): boolean {
  const [startA, startB] = [min(a.start, a.max), min(b.start, b.max)]
  const mostA = a.ramp === 0n ? startA : a.max
  if (mostA <= startB) return true
  // a ramp of n grows by one n-th, so the larger number is the slower
  return startA <= startB && mostA <= b.max && b.ramp !== 0n && a.ramp >= b.ramp
}
