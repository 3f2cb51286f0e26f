import { StreamError } from '../../errors/error.ts'
import { type Price, parsePrice } from '../../money/price.ts'
import { acceptUpTo, type BuyerStrategy, bidFromTo, offerRefusal } from '../../terms/strategy.ts'
import { readPrices } from '../options.ts'

/** How an agent wants to haggle. */
export interface Haggling {
  readonly maxPrice?: string | undefined
  readonly firstBid?: string | undefined
  readonly rounds?: number | undefined
}

const ROUNDS = 4

/** The most that an agent accepts for a unit. @throws StreamError `price-invalid` */
export const ownPrices = ({ maxPrice }: Pick<Haggling, 'maxPrice'>): readonly Price[] =>
  maxPrice === undefined ? [] : readPrices(maxPrice)

/**
 * An agent's strategy, inside what the person accepts at most.
 * @throws StreamError `price-invalid`, `option-invalid`, `unit-mismatch`
 */
export function strategyOf({ maxPrice, firstBid, rounds = ROUNDS }: Haggling, most: readonly Price[]): BuyerStrategy {
  const own = ownPrices({ maxPrice })
  if (firstBid === undefined) return within(acceptUpTo(own), most)
  if (own.length !== 1) throw new StreamError('option-invalid', 'a first bid goes with one maxPrice, in the same unit')
  return within(bidFromTo(parsePrice(firstBid), own[0]!, rounds), most)
}

/** Whatever the strategy says, nothing is taken or bid above the limits. */
export const within =
  (strategy: BuyerStrategy, most: readonly Price[]): BuyerStrategy =>
  (offer, context) => {
    const answer = strategy(offer, context)
    if ('refuse' in answer) return answer
    const refusal = offerRefusal('bid' in answer ? { ...offer, price: answer.bid.price } : offer, most)
    return refusal ? { refuse: refusal } : answer
  }
