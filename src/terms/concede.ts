import { MAX_MSAT } from '../money/msat.ts'
import { comparePrices, MAX_PER, type Price, price } from '../money/price.ts'

/**
 * The price `step` of `steps` on the way from one price to another, as an exact rational wherever it fits a price, and
 * otherwise rounded by less than the last digit: up for a seller who comes down, down for a buyer who comes up. Never outside
 * the two. Both must be in the same unit.
 * @example between(parsePrice('1 sat/1k tokens'), parsePrice('500 msat/1k tokens'), 1, 4) is 875 msat/1k tokens
 */
export function between(from: Price, to: Price, step: number, steps: number): Price {
  const direction = comparePrices(from, to)
  if (direction === 0 || step <= 0) return from
  if (step >= steps) return to
  const [k, n] = [BigInt(step), BigInt(steps)]
  const numerator = from.msat * to.per * (n - k) + to.msat * from.per * k
  const denominator = from.per * to.per * n
  return asPrice(numerator, denominator, from, direction > 0 ? 'up' : 'down')
}

function asPrice(numerator: bigint, denominator: bigint, { per, unit }: Price, rounding: 'up' | 'down'): Price {
  const divisor = gcd(numerator, denominator)
  const [n, d] = [numerator / divisor, denominator / divisor]
  // people read "875 msat/1k tokens" more easily than "7 msat/8 tokens"
  if (per % d === 0n && n * (per / d) <= MAX_MSAT) return price(n * (per / d), per, unit)
  if (d <= MAX_PER && n <= MAX_MSAT) return price(n, d, unit)
  const shrink = max(divideUp(d, MAX_PER), divideUp(n, MAX_MSAT))
  const steps = max(d / shrink, 1n)
  return price(rounding === 'up' ? divideUp(n * steps, d) : (n * steps) / d, steps, unit)
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y > 0n) [x, y] = [y, x % y]
  return x
}
const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
