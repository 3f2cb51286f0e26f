import type { StreamError } from '../errors/error.ts'
import { applyPolicy, type BidContext, DEFAULT_ROUNDS } from './answer.ts'
import type { SellerPolicy } from './policy.ts'
import { type BuyerStrategy, haggler, type Move, type PriceLimits, termsOf } from './strategy.ts'
import type { Offer, Terms } from './terms.ts'

export type NegotiationEnd =
  | { readonly agreed: Terms }
  | {
      readonly refusedBy: 'buyer'
      readonly code: Extract<Move, { refuse: string }>['refuse']
      /** Why the strategy itself failed. */
      readonly cause?: StreamError
    }
  | { readonly refusedBy: 'seller'; readonly code: 'rounds-exhausted' | 'unit-mismatch' }

export type Negotiation = NegotiationEnd & {
  /** All offers the buyer saw, the listed one first. */
  readonly offers: readonly Offer[]
  readonly bids: readonly Terms[]
}

/** What surrounds a negotiation, for whoever plays one. */
export interface Circumstances extends Pick<BidContext, 'floor' | 'nowMs' | 'streams'> {
  /** The buyer's limits. */
  readonly limits?: PriceLimits
}

/**
 * Plays a seller's policy against a buyer's strategy as section 6 of the spec has them talk, without a wire between them: for
 * tests, and to see what a policy does. The rounds of both sides are those of a real negotiation (`haggler`, `applyPolicy`). Always ends.
 * @param first the offer of the first 402: listed terms, round 0
 */
export function negotiate(
  policy: SellerPolicy,
  strategy: BuyerStrategy,
  first: Offer,
  rounds = DEFAULT_ROUNDS,
  { limits = [], ...circumstances }: Circumstances = {},
): Negotiation {
  const listed = termsOf(first)
  const offers: Offer[] = [first]
  const bids: Terms[] = []
  const end = (how: NegotiationEnd): Negotiation => ({ ...how, offers, bids })
  const haggle = haggler(strategy, limits)
  for (;;) {
    const offer = offers.at(-1)!
    const answer = haggle(offer)
    if ('refuse' in answer) {
      return end({ refusedBy: 'buyer', code: answer.refuse, ...('cause' in answer && { cause: answer.cause }) })
    }
    if ('accept' in answer) return end({ agreed: termsOf(offer) })
    bids.push(answer.bid)
    const reply = applyPolicy(policy, answer.bid, { listed, offer, rounds, ...circumstances })
    if ('accept' in reply) return end({ agreed: reply.accept })
    if ('counter' in reply) offers.push(reply.counter)
    // a refusal is a 402 like any other: it carries the listed offer afresh, and the buyer counts its own rounds
    else if (reply.refuse === 'terms-refused') offers.push(first)
    else return end({ refusedBy: 'seller', code: reply.refuse })
  }
}
