import { toStreamError } from '../../errors/error.ts'
import { sat } from '../../money/msat.ts'
import { comparePrices, type Price } from '../../money/price.ts'
import { cheapestFirst, isWorthLeaving } from '../../terms/choose.ts'
import { NO_CREDIT } from '../../terms/credit.ts'
import { negotiate } from '../../terms/negotiate.ts'
import type { SellerPolicy } from '../../terms/policy.ts'
import type { BuyerStrategy } from '../../terms/strategy.ts'
import type { Offer } from '../../terms/terms.ts'
import { type Draw, type DrawnSeller, draw, type World } from './draw.ts'
import type { BuyerKind, SellerKind } from './players.ts'

/** How a pair of kinds fared over all games. Gains are sums over requests, in millionths of the price of the world. */
export interface Tally {
  readonly buyer: string
  readonly seller: string
  /** Requests, and those of them for which an agreement without a loss to either was in reach, now or earlier in the game. */
  requests: number
  possible: number
  deals: number
  buyerGain: bigint
  sellerGain: bigint
  /** What both could have gained together: with an agreement with the lowest floor that was in reach so far. */
  surplus: bigint
  paid: bigint
  negotiations: number
  bids: number
  /** Agreements that were left for a cheaper offer. */
  left: number
  /** Agreements above the buyer's limit or below the seller's floor: none, ever. */
  outside: number
  /** Answers that a strategy or a policy failed to give, and what the first of them said. */
  failed: number
  failure?: string
}

export const MILLION = 1_000_000n
const BETTER_BY = 5

export interface Rules extends World {
  readonly games: number
  readonly rounds: number
}

/** Plays one kind of buyer against sellers of one kind, each game with the same draws as any other pair gets. */
export function playPair(buyer: BuyerKind, seller: SellerKind, rules: Rules): Tally {
  const tally: Tally = {
    ...{ buyer: buyer.name, seller: seller.name, requests: 0, possible: 0, deals: 0, paid: 0n },
    ...{ buyerGain: 0n, sellerGain: 0n, surplus: 0n, negotiations: 0, bids: 0, left: 0, outside: 0, failed: 0 },
  }
  for (let game = 0; game < rules.games; game++) playGame(draw(rules, game), buyer, seller, rules, tally)
  return tally
}

interface Agreed {
  readonly price: Price
  readonly floor: Price
}

function playGame(drawn: Draw, buyer: BuyerKind, seller: SellerKind, rules: Rules, tally: Tally): void {
  const { limit } = drawn
  const worth = (price: Price): bigint => (price.msat * rules.price.per * MILLION) / (price.per * rules.price.msat)
  let agreed: Agreed | undefined
  let lowest: Price | undefined
  for (const sellers of drawn.requests) {
    const within = buyer.going === 'first' ? sellers.slice(0, 1) : sellers
    for (const { floor } of within) if (!lowest || comparePrices(floor, lowest) < 0) lowest = floor
    tally.requests++
    if (lowest && comparePrices(lowest, limit) <= 0) {
      tally.possible++
      tally.surplus += worth(limit) - worth(lowest)
    }
    const order = cheapestFirst(within, ({ listed }) => ({ price: listed }))
    if (agreed && buyer.going === 'leave' && isWorthLeaving(agreed, { price: order[0]!.listed }, BETTER_BY)) {
      agreed = undefined
      tally.left++
    }
    // As a buyer of several sellers does: with one after the other, until one agrees.
    for (const each of agreed ? [] : order) {
      agreed = meet(each, limit, buyer, seller, rules, tally)
      if (agreed) break
    }
    if (!agreed) continue
    tally.deals++
    tally.paid += worth(agreed.price)
    tally.buyerGain += worth(limit) - worth(agreed.price)
    tally.sellerGain += worth(agreed.price) - worth(agreed.floor)
  }
}

/** One negotiation, by the rounds that buyers and sellers go through on the wire. */
function meet(
  { floor, listed, streams, nowMs }: DrawnSeller,
  limit: Price,
  buyer: BuyerKind,
  seller: SellerKind,
  { rounds }: Rules,
  tally: Tally,
): Agreed | undefined {
  const offer: Offer = { ...OFFER, price: listed, negotiable: seller.negotiable }
  const policy: SellerPolicy = (bid, context) => {
    try {
      return seller.make({ floor, listed })(bid, context)
    } catch (error) {
      fail(tally, error)
      throw error
    }
  }
  const strategy: BuyerStrategy = (asked, context) => buyer.make([limit])(asked, context)
  const circumstances = { limits: [limit], floor, streams, nowMs }
  const result = negotiate(policy, strategy, offer, rounds, circumstances)
  tally.negotiations++
  tally.bids += result.bids.length
  if (!('agreed' in result)) {
    if (result.code === 'strategy-failed') fail(tally, result.cause)
    return undefined
  }
  const { price } = result.agreed
  const least = comparePrices(floor, listed) < 0 ? floor : listed
  if (comparePrices(price, limit) > 0 || comparePrices(price, least) < 0) tally.outside++
  return { price, floor }
}

function fail(tally: Tally, error: unknown): void {
  tally.failed++
  tally.failure ??= toStreamError(error).message.slice(0, 200)
}

const OFFER: Omit<Offer, 'price' | 'negotiable'> = {
  credit: NO_CREDIT,
  smallestPayment: sat(1),
  network: 'regtest',
  payee: `02${'00'.repeat(32)}`,
  scope: 'simulated',
  round: 0,
}
