import type { BuyerOptions } from '../../src/buyer/buyer.ts'
import { sat } from '../../src/money/msat.ts'
import { type Price, price } from '../../src/money/price.ts'
import { acceptUpTo, type BuyerStrategy, concedeWithin, inPieces } from '../../src/terms/strategy.ts'

/** How a buyer of the market goes about it. */
export interface Kind {
  readonly name: string
  /** One seller only, whichever it was born to; all, until one fails; or all, and away when another is cheaper. */
  readonly going: 'one' | 'compare' | 'leave'
  strategy(limit: Price): BuyerStrategy
  /** It is not meant to ever buy anything. */
  readonly hopeless?: true
}

const concede = (limit: Price) => concedeWithin([limit], { share: 50_000n }, 4)
const fixed = (limit: Price) => acceptUpTo([limit])
const lie =
  (answer: unknown): BuyerStrategy =>
  () =>
    answer as never

const SANE: readonly Kind[] = [
  { name: 'fixed', going: 'one', strategy: fixed },
  { name: 'concede', going: 'one', strategy: concede },
  { name: 'fixed+compare', going: 'compare', strategy: fixed },
  { name: 'concede+compare', going: 'compare', strategy: concede },
  { name: 'fixed+leave', going: 'leave', strategy: fixed },
  { name: 'concede+leave', going: 'leave', strategy: concede },
  { name: 'concede+pieces', going: 'compare', strategy: (limit) => inPieces(sat(3), concede(limit)) },
  // Would take anything: its limit is all that holds it.
  { name: 'greedy', going: 'leave', strategy: () => () => ({ accept: true }) },
]

const HOSTILE: readonly Kind[] = [
  {
    name: 'throws',
    going: 'compare',
    hopeless: true,
    strategy: () => () => {
      throw new Error('this strategy does not know')
    },
  },
  { name: 'nonsense', going: 'compare', hopeless: true, strategy: () => lie({ bid: { price: { msat: Number.NaN } } }) },
  {
    name: 'never agrees',
    going: 'compare',
    hopeless: true,
    strategy: () => (offer) => ({ bid: { ...offer, price: price(1n, 1_000_000n, offer.price.unit) } }),
  },
]
/** One buyer in so many is one of the hostile ones. */
const HOSTILE_EVERY = 10

export function kindOf(number: number): Kind {
  const round = Math.floor(number / HOSTILE_EVERY)
  if (number % HOSTILE_EVERY === HOSTILE_EVERY - 1) return HOSTILE[round % HOSTILE.length]!
  return SANE[(number - round) % SANE.length]!
}

const LOOK_AGAIN_MS = 3000

/** The part of a buyer's options that its kind says. */
export function optionsOf(kind: Kind, number: number, urls: readonly string[], limit: Price): Partial<BuyerOptions> {
  const own = kind.going === 'one' ? [urls[number % urls.length]!] : urls
  const lookAgainMs = kind.going === 'leave' ? LOOK_AGAIN_MS : Number.POSITIVE_INFINITY
  return { strategy: kind.strategy(limit), maxPrice: limit, sellers: { urls: own, lookAgainMs, betterBy: 5 } }
}
