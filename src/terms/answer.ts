import type { ErrorCode } from '../errors/codes.ts'
import { toStreamError } from '../errors/error.ts'
import { comparePrices } from '../money/price.ts'
import { checkTerms } from './check.ts'
import { counterAt, meets, type PolicyAnswer, type SellerPolicy, withinCredit } from './policy.ts'
import { type Reserve, reserveAt } from './reserve.ts'
import type { Offer, Terms } from './terms.ts'

/** How many bids a seller listens to, unless it says otherwise. */
export const DEFAULT_ROUNDS = 4

export interface BidContext {
  /** What the seller asks of everybody. */
  readonly listed: Terms
  /** The offer that the bid answers, from its verified challenge. */
  readonly offer: Offer
  /** How many bids are heard; 4 by default. */
  readonly rounds?: number
  /** Below this nothing is sold, whatever the policy says; unless it is listed for less. None by default. */
  readonly floor?: Reserve | undefined
  /** The time, for policies that go by it. Ms since 1970; now by default. */
  readonly nowMs?: number
  /** How many requests are being served at the same wall. 0 by default. */
  readonly streams?: number
}

/** What a seller does about a bid. */
export type BidAnswer =
  | { readonly accept: Terms }
  /** The offer of the next 402. */
  | { readonly counter: Offer }
  | {
      readonly refuse: Extract<ErrorCode, 'terms-refused' | 'rounds-exhausted' | 'unit-mismatch'>
      readonly reason: string
      /** Set if the policy itself failed: for the seller's log, never for the buyer. */
      readonly cause?: unknown
    }

/**
 * Answers a bid with a policy, and keeps the policy within bounds (spec section 6): a bid that meets the offer is always
 * accepted; only the bid itself is ever accepted, never other terms; credit and smallest payment leave the listed ones only
 * when the policy says so; a counter is in the same unit and takes nothing back that the offer it answers gave; rounds are
 * bounded; nothing goes below the floor; a policy that throws, or answers nonsense, refuses. Never throws.
 * @example applyPolicy(floor(parsePrice('700 msat/1k tokens')), bidTerms(payload.bid, offer), { listed, offer })
 */
export function applyPolicy(policy: SellerPolicy, bid: Terms, context: BidContext): BidAnswer {
  const { listed, offer, rounds = DEFAULT_ROUNDS, nowMs = Date.now(), streams = 0 } = context
  if (bid.price.unit !== offer.price.unit || offer.price.unit !== listed.price.unit) {
    return { refuse: 'unit-mismatch', reason: `bids are in ${listed.price.unit}` }
  }
  if (meets(bid, offer)) return { accept: bid }
  if (!offer.negotiable || offer.round >= rounds) {
    return { refuse: 'rounds-exhausted', reason: `no more than ${rounds} bids are heard` }
  }
  try {
    return bound(policy(bid, { listed, round: offer.round, rounds, nowMs, streams }), bid, { ...context, rounds })
  } catch (cause) {
    return { refuse: 'terms-refused', reason: 'no answer to this bid', cause: toStreamError(cause) }
  }
}

function bound(answer: PolicyAnswer, bid: Terms, context: BidContext & { readonly rounds: number }): BidAnswer {
  const { listed, offer, rounds, floor } = context
  if ('refuse' in answer) return { refuse: 'terms-refused', reason: String(answer.refuse).slice(0, 200) }
  const answered = checkTerms('the policy', 'accept' in answer ? answer.accept : answer.counter, offer.price.unit)
  const least = floor && reserveAt(floor, listed.price)
  const terms = least && comparePrices(answered.price, least) < 0 ? { ...answered, price: least } : answered
  if ('accept' in answer && sameAs(terms, bid) && (withinCredit(bid, listed) || answer.beyondListed === true)) {
    return { accept: bid }
  }
  return { counter: nextOffer(counterAt(terms.price, terms, listed), offer, rounds) }
}

const sameAs = (a: Terms, b: Terms): boolean =>
  comparePrices(a.price, b.price) === 0 &&
  a.credit.start === b.credit.start &&
  a.credit.max === b.credit.max &&
  a.credit.ramp === b.credit.ramp &&
  a.smallestPayment === b.smallestPayment

function nextOffer(terms: Terms, offer: Offer, rounds: number): Offer {
  const dearer = comparePrices(terms.price, offer.price) > 0
  const round = offer.round + 1
  return { ...offer, ...terms, price: dearer ? offer.price : terms.price, round, negotiable: round < rounds }
}
