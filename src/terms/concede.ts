import { MAX_MSAT } from '../money/msat.ts'
import { comparePrices, MAX_PER, type Price, price } from '../money/price.ts'

/**
 * The price `step` of `steps` on the way from one price to another, as an exact rational where the whole way fits into prices,
 * and otherwise rounded by less than a last digit: up for a seller who comes down, down for a buyer who comes up. Never
 * outside the two, and never backwards. Both must be in the same unit.
 * @throws StreamError `unit-mismatch`
 * @example between(parsePrice('1 sat/1k tokens'), parsePrice('600 msat/1k tokens'), 1, 4) is 900 msat/1k tokens
 */
export function between(from: Price, to: Price, step: number, steps: number): Price {
  const direction = comparePrices(from, to)
  if (direction === 0 || step <= 0) return from
  if (step >= steps) return to
  const [k, n] = [BigInt(step), BigInt(steps)]
  const numerator = from.msat * to.per * (n - k) + to.msat * from.per * k
  const denominator = from.per * to.per * n
  const higher = direction > 0 ? from : to
  const common = (from.per / gcd(from.per, to.per)) * to.per * n
  const most = min(MAX_PER, (MAX_MSAT * higher.per) / higher.msat)
  if (common <= most) return readable(numerator, denominator, from)
  // one denominator for every step: rounding to different ones could make a step go backwards
  const rounded = direction > 0 ? divideUp(numerator * most, denominator) : (numerator * most) / denominator
  const between = price(rounded, most, from.unit)
  return comparePrices(from, between) * direction < 0 ? from : between
}

/** People read "875 msat/1k tokens" more easily than "7 msat/8 tokens", which is the same price. */
function readable(numerator: bigint, denominator: bigint, { per, unit }: Price): Price {
  const divisor = gcd(numerator, denominator)
  const [n, d] = [numerator / divisor, denominator / divisor]
  return per % d === 0n ? price(n * (per / d), per, unit) : price(n, d, unit)
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y > 0n) [x, y] = [y, x % y]
  return x
}
const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
