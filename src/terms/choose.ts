import { comparePrices, type Price } from '../money/price.ts'
import { type Counts, NO_COUNTS, tariffCost } from '../money/tariff.ts'
import type { Offer } from './terms.ts'

/** What is asked for, as far as sellers can be compared by it. */
type Asked = Pick<Offer, 'price' | 'tariff'>

/** What a request is taken to use where a tariff charges for several things: a thousand tokens each way. */
export const EXPECTED: Counts = { ...NO_COUNTS, input: 1000n, output: 1000n }

/** What sellers are compared by: the price for a unit; of a tariff, what a request costs that uses as much as expected. */
export function comparedPrice({ price, tariff }: Asked, expected: Counts = EXPECTED): Price {
  if (!tariff) return price
  return { msat: tariffCost(tariff, expected) * price.msat, per: price.per, unit: 'request' }
}

/**
 * The cheapest first; of equal ones as they came. Those that ask in another unit than the first cannot be compared to it, and come last.
 * @param askedOf what one of them asks
 */
export function cheapestFirst<T>(list: readonly T[], askedOf: (one: T) => Asked, expected?: Counts): T[] {
  const [first] = list
  if (first === undefined) return []
  const priced = list.map((one) => ({ one, price: comparedPrice(askedOf(one), expected) }))
  const { unit } = priced[0]!.price
  const same = priced.filter(({ price }) => price.unit === unit)
  const others = priced.filter(({ price }) => price.unit !== unit)
  return [...same.toSorted((a, b) => comparePrices(a.price, b.price)), ...others].map(({ one }) => one)
}

/**
 * Whether an offer is cheaper than what is paid now by at least so many per cent: an agreement that is closed, and one that is made, cost
 * round trips and payments of their own.
 * @param betterBy whole per cent, 0 to 99
 */
export function isWorthLeaving(own: Asked, other: Asked, betterBy: number, expected?: Counts): boolean {
  const [mine, theirs] = [comparedPrice(own, expected), comparedPrice(other, expected)]
  if (mine.unit !== theirs.unit || comparePrices(theirs, mine) >= 0) return false
  return theirs.msat * mine.per * 100n <= mine.msat * theirs.per * BigInt(100 - betterBy)
}
