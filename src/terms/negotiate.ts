import { applyPolicy, DEFAULT_ROUNDS } from './answer.ts'
import type { SellerPolicy } from './policy.ts'
import { applyStrategy, type BuyerRefusal, type BuyerStrategy, termsOf } from './strategy.ts'
import type { Offer, Terms } from './terms.ts'

export type NegotiationEnd =
  | { readonly agreed: Terms }
  | { readonly refusedBy: 'buyer'; readonly code: BuyerRefusal }
  | { readonly refusedBy: 'seller'; readonly code: 'rounds-exhausted' | 'unit-mismatch' }

export type Negotiation = NegotiationEnd & {
  /** All offers the buyer saw, the listed one first. */
  readonly offers: readonly Offer[]
  readonly bids: readonly Terms[]
}

/**
 * Plays a seller's policy against a buyer's strategy as section 6 of the spec has them talk, without a wire between them: for
 * tests, and to see what a policy does. Always ends.
 * @param first the offer of the first 402: listed terms, round 0
 */
export function negotiate(
  policy: SellerPolicy,
  strategy: BuyerStrategy,
  first: Offer,
  rounds = DEFAULT_ROUNDS,
): Negotiation {
  const listed = termsOf(first)
  const offers: Offer[] = [first]
  const bids: Terms[] = []
  const end = (how: NegotiationEnd): Negotiation => ({ ...how, offers, bids })
  for (let round = 0; ; round++) {
    const offer = offers[round]!
    const answer = applyStrategy(strategy, offer, { round })
    if ('refuse' in answer) return end({ refusedBy: 'buyer', code: answer.refuse })
    if ('accept' in answer) return end({ agreed: termsOf(offer) })
    bids.push(answer.bid)
    const reply = applyPolicy(policy, answer.bid, { listed, offer, rounds })
    if ('accept' in reply) return end({ agreed: reply.accept })
    if ('counter' in reply) offers.push(reply.counter)
    // a refusal is a 402 like any other: it carries the listed offer afresh, and the buyer counts its own rounds
    else if (reply.refuse === 'terms-refused') offers.push(first)
    else return end({ refusedBy: 'seller', code: reply.refuse })
  }
}
