import type { ErrorCode } from '../errors/codes.ts'
import { StreamError, toStreamError } from '../errors/error.ts'
import { type Msat, max } from '../money/msat.ts'
import { comparePrices, type Price } from '../money/price.ts'
import { chargesOf } from '../money/tariff.ts'
import { checkTerms } from './check.ts'
import { between } from './concede.ts'
import { meets } from './policy.ts'
import { type Reserve, reserveAt } from './reserve.ts'
import type { Offer, Terms } from './terms.ts'

export type BuyerRefusal = Extract<ErrorCode, 'price-too-high' | 'unit-mismatch' | 'rounds-exhausted'>
const REFUSALS: readonly unknown[] = ['price-too-high', 'unit-mismatch', 'rounds-exhausted'] satisfies BuyerRefusal[]

export interface StrategyContext {
  /** Which offer this is, by the buyer's own count: 0 for the first. A seller's `offer.round` proves nothing to a buyer. */
  readonly round: number
}

export type StrategyAnswer = { readonly accept: true } | { readonly bid: Terms } | { readonly refuse: BuyerRefusal }

/** What a buyer does about an offer: what its strategy says, within bounds. `cause`: why the strategy itself failed. */
export type Move =
  | Exclude<StrategyAnswer, { readonly refuse: BuyerRefusal }>
  | { readonly refuse: BuyerRefusal }
  | { readonly refuse: 'strategy-failed'; readonly cause: StreamError }

/** How a buyer answers an offer. */
export type BuyerStrategy = (offer: Offer, context: StrategyContext) => StrategyAnswer

/** How many offers a buyer looks at before it gives up, whatever its strategy says. */
export const MAX_OFFERS = 16

/**
 * What is wrong with a price under limits, at most one for each unit: `undefined` if nothing is. Without any limit every price
 * passes; with limits, but none for its unit, none does.
 */
export function priceRefusal(price: Price, limits: readonly Price[]): 'price-too-high' | 'unit-mismatch' | undefined {
  if (limits.length === 0) return undefined
  const own = limits.filter(({ unit }) => unit === price.unit)
  if (own.length === 0) return 'unit-mismatch'
  return own.every((limit) => comparePrices(price, limit) <= 0) ? undefined : 'price-too-high'
}

/**
 * What is wrong with what an offer asks. Of a tariff every charge is judged by the limit for its unit: what is added to a request, at least or
 * at most, by the one for a request. A price on the tariff's sum raises or lowers all of them.
 */
export function offerRefusal(
  { price, tariff }: Pick<Offer, 'price' | 'tariff'>,
  limits: readonly Price[],
): 'price-too-high' | 'unit-mismatch' | undefined {
  if (!tariff) return priceRefusal(price, limits)
  const scaled = (charge: Price): Price => ({
    msat: charge.msat * price.msat,
    per: charge.per * price.per,
    unit: charge.unit,
  })
  const flat = { msat: (tariff.request ?? 0n) + (tariff.extra ?? 0n), per: 1n, unit: 'request' }
  const refusals = [...chargesOf(tariff).map(([, charge]) => charge), ...(flat.msat > 0n ? [flat] : [])].map((charge) =>
    priceRefusal(scaled(charge), limits),
  )
  return refusals.find((refusal) => refusal === 'unit-mismatch') ?? refusals.find((refusal) => refusal !== undefined)
}

/**
 * Limits that keep to both: what only one of them names is not bought. None on one side leaves the other's.
 * @example bothLimits([parsePrice('2 sat/KiB')], [parsePrice('1 sat/KiB'), parsePrice('1 sat/token')]) // KiB alone, up to 1 sat
 */
export function bothLimits(one: readonly Price[], other: readonly Price[]): readonly Price[] {
  if (one.length === 0 || other.length === 0) return [...one, ...other]
  const isIn = (limits: readonly Price[], { unit }: Price) => limits.some((limit) => limit.unit === unit)
  const both = [...one.filter((limit) => isIn(other, limit)), ...other.filter((limit) => isIn(one, limit))]
  // An empty list would be no limit: no price is of a unit without a name.
  return both.length > 0 ? both : [{ msat: 0n, per: 1n, unit: '' }]
}

/**
 * Takes any offer within the limits, and never haggles.
 * @example acceptUpTo([parsePrice('2 sat/1k tokens'), parsePrice('1 sat/MiB')])
 */
export const acceptUpTo =
  (limits: readonly Price[]): BuyerStrategy =>
  (offer) => {
    const refusal = offerRefusal(offer, limits)
    return refusal ? { refuse: refusal } : { accept: true }
  }

/**
 * Bids `from` first and comes up in equal steps to `to` at the last of `rounds` bids. Takes an offer at or below what it would
 * bid now, and any offer within `to` when there is nothing more to bid. Never pays more than `to`.
 * @throws StreamError `option-invalid` if `from` is above `to`, `unit-mismatch` if they are in different units
 * @example bidFromTo(parsePrice('500 msat/1k tokens'), parsePrice('1 sat/1k tokens'), 4)
 */
export function bidFromTo(from: Price, to: Price, rounds: number): BuyerStrategy {
  if (comparePrices(from, to) > 0) throw new StreamError('option-invalid', 'the first bid is above the last')
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_OFFERS) {
    throw new StreamError('option-invalid', `a buyer bids in 1 to ${MAX_OFFERS} rounds`)
  }
  return (offer, { round }) => {
    if (offer.price.unit !== to.unit) return { refuse: 'unit-mismatch' }
    const price = round >= rounds - 1 ? to : between(from, to, round, rounds - 1)
    if (comparePrices(offer.price, price) <= 0) return { accept: true }
    if (offer.negotiable && round < rounds) return { bid: { ...termsOf(offer), price } }
    if (comparePrices(offer.price, to) <= 0) return { accept: true }
    return { refuse: offer.negotiable ? 'rounds-exhausted' : 'price-too-high' }
  }
}

/** What can be haggled about in an offer. */
export const termsOf = ({ price, credit, smallestPayment }: Terms): Terms => ({ price, credit, smallestPayment })

/**
 * Bids within limits, one for each unit, in equal steps from a first price, or part of the limit, to the limit itself. An offer in
 * several charges (a tariff) is taken within the limits or not at all.
 * @throws StreamError `option-invalid`, `unit-mismatch`
 * @example concedeWithin([parsePrice('1 sat/1k tokens')], { share: 50_000n }, 4)
 */
export function concedeWithin(limits: readonly Price[], from: Reserve, rounds: number): BuyerStrategy {
  const own = limits.map((limit) => [limit.unit, bidFromTo(reserveAt(from, limit), limit, rounds)] as const)
  const byUnit = new Map(own)
  const whole = acceptUpTo(limits)
  return (offer, context) => (offer.tariff ? whole : (byUnit.get(offer.price.unit) ?? whole))(offer, context)
}

/**
 * Bids payments of at least this size, whatever else a strategy bids: what a seller's volume discount is for. No larger than the window of the
 * buyer (`ahead`), or nothing can be paid.
 * @example inPieces(sat(5), bidFromTo(low, high, 4))
 */
export const inPieces =
  (size: Msat, strategy: BuyerStrategy): BuyerStrategy =>
  (offer, context) => {
    const answer = strategy(offer, context)
    if (!('bid' in answer)) return answer
    return { bid: { ...answer.bid, smallestPayment: max(answer.bid.smallestPayment, size) } }
  }

/** A buyer's limits on one negotiation, whatever its strategy does. Prices: at most one for each unit; none at all is no limit. */
export type PriceLimits = readonly Price[]

/**
 * Answers an offer with a strategy, and keeps the strategy within bounds: it ends after `MAX_OFFERS` offers whatever the
 * seller does; nothing above the limits is accepted or bid; a bid that gives all the offer asks is an acceptance of the offer,
 * which may be cheaper; there is no bid on an offer that is not negotiable, nor in another unit; a strategy that throws, or answers
 * nonsense, refuses. Never throws.
 */
export function applyStrategy(
  strategy: BuyerStrategy,
  offer: Offer,
  context: StrategyContext,
  limits: PriceLimits = [],
): Move {
  try {
    return bound(strategy(offer, context), offer, context, limits)
  } catch (error) {
    return { refuse: 'strategy-failed', cause: toStreamError(error) }
  }
}

function bound(answer: StrategyAnswer, offer: Offer, { round }: StrategyContext, limits: PriceLimits): Move {
  if ('refuse' in answer) {
    if (!REFUSALS.includes(answer.refuse)) throw new TypeError('the strategy refuses with a word that is no code')
    return { refuse: answer.refuse }
  }
  const taken = (): Move => {
    const refusal = offerRefusal(offer, limits)
    return refusal ? { refuse: refusal } : { accept: true }
  }
  if (!('bid' in answer)) {
    if (answer.accept !== true) throw new TypeError('the strategy answers neither accept, nor bid, nor refuse')
    return taken()
  }
  if (answer.bid.price.unit !== offer.price.unit) return { refuse: 'unit-mismatch' }
  const bid = checkTerms('the strategy', answer.bid, offer.price.unit)
  if (meets(bid, offer)) return taken()
  if (!offer.negotiable) return { refuse: 'price-too-high' }
  if (round >= MAX_OFFERS) return { refuse: 'rounds-exhausted' }
  const refusal = offerRefusal({ ...offer, price: bid.price }, limits)
  return refusal ? { refuse: refusal } : { bid }
}

/**
 * One negotiation from the buyer's side: what to do about each offer, in the order they come. Counts the rounds by itself. What talks to a
 * seller and what plays without one both go by it.
 */
export function haggler(strategy: BuyerStrategy, limits: PriceLimits = []): (offer: Offer) => Move {
  let round = 0
  return (offer) => applyStrategy(strategy, offer, { round: round++ }, limits)
}
