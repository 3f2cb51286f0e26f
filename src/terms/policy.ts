import type { Msat } from '../money/msat.ts'
import { max } from '../money/msat.ts'
import { comparePrices, type Price } from '../money/price.ts'
import { creditWithin } from './credit.ts'
import type { Terms } from './terms.ts'

export interface PolicyContext {
  /** What the seller asks of everybody. */
  readonly listed: Terms
  /** Which bid this is: 0 for the first. */
  readonly round: number
  /** How many bids the seller listens to. */
  readonly rounds: number
  /** The time, in ms since 1970. */
  readonly nowMs: number
  /** How many requests are being served at this wall. */
  readonly streams: number
}

export type PolicyAnswer =
  /**
   * Must be the bid as it came. `beyondListed` says that credit above, or a smallest payment below, the listed one is meant:
   * without it such a bid is answered with a counter at the listed ones, so that no policy that only looks at prices gives credit away.
   */
  | { readonly accept: Terms; readonly beyondListed?: boolean }
  | { readonly counter: Terms }
  /** Why, for people. */
  | { readonly refuse: string }

/**
 * How a seller answers a bid. Pure: the same bid in the same round, at the same time and load, gets the same answer, whoever asks.
 * @example const half: SellerPolicy = (bid, { listed }) =>
 *   2n * bid.price.msat * listed.price.per >= listed.price.msat * bid.price.per ? { accept: bid } : { refuse: 'too low' }
 */
export type SellerPolicy = (bid: Terms, context: PolicyContext) => PolicyAnswer

/** Whether a bid asks for no more credit, and no smaller payments, than these terms. */
export const withinCredit = (bid: Terms, terms: Terms): boolean =>
  creditWithin(bid.credit, terms.credit) && bid.smallestPayment >= terms.smallestPayment

/** Whether a bid gives the seller at least what these terms ask. Both must be in the same unit. */
export const meets = (bid: Terms, terms: Terms): boolean =>
  withinCredit(bid, terms) && comparePrices(bid.price, terms.price) >= 0

/** The bid with its price replaced, and its credit and smallest payment brought within the listed ones. */
export const counterAt = (price: Price, bid: Terms, listed: Terms): Terms => ({
  price,
  credit: creditWithin(bid.credit, listed.credit) ? bid.credit : listed.credit,
  smallestPayment: max(bid.smallestPayment, listed.smallestPayment),
})

/** Takes the listed terms, or better ones for the seller, and nothing else. */
export const fixed =
  (): SellerPolicy =>
  (bid, { listed }) =>
    meets(bid, listed) ? { accept: bid } : { refuse: 'the terms are fixed' }

/** From this smallest payment on, this price. */
export interface VolumeDiscount {
  /** The smallest payment that earns it, in msat. */
  readonly from: Msat
  /** What a unit then costs. */
  readonly price: Price
}

/**
 * Sells cheaper to whoever pays in larger pieces: the lowest price among the discounts whose `from` the bid's smallest payment
 * reaches, and the listed price below all of them. Larger pieces cost the seller fewer invoices and less routing.
 * @example volume([{ from: sat(1000), price: parsePrice('800 msat/1k tokens') }])
 */
export const volume =
  (discounts: readonly VolumeDiscount[]): SellerPolicy =>
  (bid, { listed }) => {
    const price = discounts
      .filter(({ from }) => bid.smallestPayment >= from)
      .reduce((lowest, { price }) => (comparePrices(price, lowest) < 0 ? price : lowest), listed.price)
    if (comparePrices(bid.price, price) >= 0 && withinCredit(bid, listed)) return { accept: bid }
    return { counter: counterAt(comparePrices(bid.price, price) > 0 ? bid.price : price, bid, listed) }
  }
