import { type Msat, min, msat, ZERO } from '../money/msat.ts'
import type { Credit } from './terms.ts'

export const NO_CREDIT: Credit = { start: ZERO, max: ZERO, ramp: 0n }

/** A fixed credit, from the first unit on. */
export const fixedCredit = (amount: Msat): Credit => ({ start: amount, max: amount, ramp: 0n })

/** The credit of an agreement that has paid `paid`. Both sides compute it, from the same terms. */
export function creditAt({ start, max, ramp }: Credit, paid: Msat): Msat {
  return ramp === 0n ? min(start, max) : min(max, msat(start + paid / ramp))
}

/** Whether credit `a` is never more than `b`, whatever was paid. */
export function creditWithin(a: Credit, b: Credit): boolean {
  const [startA, startB] = [min(a.start, a.max), min(b.start, b.max)]
  const [maxA, maxB] = [a.ramp === 0n ? startA : a.max, b.ramp === 0n ? startB : b.max]
  // a ramp of n grows by one n-th, so the larger number is the slower; growth that never passes b's start needs no ramp there
  const slower = a.ramp === 0n || maxA <= startB || (b.ramp !== 0n && a.ramp >= b.ramp)
  return startA <= startB && maxA <= maxB && slower
}
