import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_MSAT, sat } from '../money/msat.ts'
import { comparePrices, MAX_PER, parsePrice } from '../money/price.ts'
import { anyPrice, everydayPrice } from '../money/testing/arbitraries.ts'
import { applyPolicy } from './answer.ts'
import { between } from './concede.ts'
import { creditWithin } from './credit.ts'
import { negotiate } from './negotiate.ts'
import { meets, type SellerPolicy } from './policy.ts'
import { floor } from './reserve.ts'
import { type BuyerStrategy, bidFromTo, MAX_OFFERS } from './strategy.ts'
import { firstOffer, haggledTerms } from './testing/arbitraries.ts'

const price = everydayPrice('token')
const pair = fc.tuple(price, price).map(([a, b]) => (comparePrices(a, b) <= 0 ? ([a, b] as const) : ([b, a] as const)))
const many = { numRuns: 1500 }

describe('between', () => {
  it('stays between, moves one way, and ends at both ends, for every price there can be', () => {
    const any = anyPrice(fc.constant('token'))
    fc.assert(
      fc.property(any, any, fc.integer({ min: 1, max: 20 }), (from, to, steps) => {
        const way = Array.from({ length: steps + 1 }, (_, step) => between(from, to, step, steps))
        expect(comparePrices(way[0]!, from)).toBe(0)
        expect(comparePrices(way[steps]!, to)).toBe(0)
        const direction = comparePrices(from, to)
        way.slice(1).forEach((next, i) => {
          expect(comparePrices(way[i]!, next) * direction).toBeGreaterThanOrEqual(0)
        })
      }),
      many,
    )
  })

  it('is rounded against the one who concedes, by less than the last digit of either price', () => {
    const any = anyPrice(fc.constant('token'))
    fc.assert(
      fc.property(any, any, fc.integer({ min: 2, max: 20 }), fc.nat(19), (from, to, steps, step) => {
        fc.pre(step <= steps)
        const { msat, per } = between(from, to, step, steps)
        const [k, n] = [BigInt(step), BigInt(steps)]
        const exact = from.msat * to.per * (n - k) + to.msat * from.per * k
        const exactPer = from.per * to.per * n
        // a seller comes down and rounds up; a buyer comes up and rounds down
        const error = (msat * exactPer - exact * per) * BigInt(comparePrices(from, to))
        expect(error >= 0n).toBe(true)
        // a digit is worth 1 msat for MAX_PER steps, or what is left of it where the price is too high for so many
        const higher = comparePrices(from, to) > 0 ? from : to
        const digit = { msat: MAX_MSAT * higher.per + 2n * higher.msat * MAX_PER, per: MAX_PER * MAX_MSAT * higher.per }
        expect(error * digit.per < digit.msat * exactPer * per || error === 0n).toBe(true)
      }),
      many,
    )
  })

  it('is exact where the numbers fit', () => {
    fc.assert(
      fc.property(pair, fc.integer({ min: 1, max: 8 }), fc.nat(8), ([from, to], steps, step) => {
        fc.pre(step <= steps)
        const { msat, per } = between(from, to, step, steps)
        const [k, n] = [BigInt(step), BigInt(steps)]
        expect(msat * from.per * to.per * n).toBe((from.msat * to.per * (n - k) + to.msat * from.per * k) * per)
      }),
      many,
    )
  })
})

describe('negotiation', () => {
  it('ends within both limits, or not at all', () => {
    fc.assert(
      fc.property(
        firstOffer,
        price,
        pair,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        (...args) => {
          const [first, minimum, [from, to], sellerRounds, buyerRounds] = args
          const result = negotiate(floor(minimum), bidFromTo(from, to, buyerRounds), first, sellerRounds)
          expect(result.bids.length).toBeLessThanOrEqual(Math.min(sellerRounds, buyerRounds))
          if (!('agreed' in result)) return
          const lowest = comparePrices(minimum, first.price) < 0 ? minimum : first.price
          expect(comparePrices(result.agreed.price, lowest)).toBeGreaterThanOrEqual(0)
          expect(comparePrices(result.agreed.price, to)).toBeLessThanOrEqual(0)
          expect(comparePrices(result.agreed.price, first.price)).toBeLessThanOrEqual(0)
          expect(creditWithin(result.agreed.credit, first.credit)).toBe(true)
          expect(result.agreed.smallestPayment >= first.smallestPayment).toBe(true)
        },
      ),
      many,
    )
  })

  it('finds an agreement wherever the limits overlap and both have as many rounds', () => {
    fc.assert(
      fc.property(firstOffer, price, pair, fc.integer({ min: 1, max: 6 }), (first, minimum, [from, to], rounds) => {
        fc.pre(comparePrices(minimum, to) <= 0)
        expect(negotiate(floor(minimum), bidFromTo(from, to, rounds), first, rounds)).toHaveProperty('agreed')
      }),
      many,
    )
  })

  it('goes on after a refusal, from the listed offer', () => {
    const stubborn: SellerPolicy = () => ({ refuse: 'no' })
    fc.assert(
      fc.property(firstOffer, pair, fc.integer({ min: 1, max: 6 }), (first, [from, to], rounds) => {
        const result = negotiate(stubborn, bidFromTo(from, to, rounds), first)
        const within = comparePrices(first.price, to) <= 0
        expect(result).toMatchObject(within ? { agreed: { price: first.price } } : { refusedBy: 'buyer' })
      }),
    )
  })

  it('always ends, and keeps its word, whatever the two sides answer', () => {
    const answers = fc.array(
      fc.oneof(
        haggledTerms.map((accept) => ({ accept })),
        haggledTerms.map((counter) => ({ counter })),
        fc.anything(),
      ),
      { minLength: 1 },
    )
    const bids = fc.array(haggledTerms, { minLength: 1 })
    fc.assert(
      fc.property(firstOffer, answers, bids, fc.integer({ min: 0, max: 40 }), (first, replies, asked, rounds) => {
        const policy = ((_, { round }) => replies[round % replies.length]) as SellerPolicy
        const strategy: BuyerStrategy = (_, { round }) => ({ bid: asked[round % asked.length]! })
        const result = negotiate(policy, strategy, first, rounds)
        expect(result.offers.length).toBeLessThanOrEqual(MAX_OFFERS + 1)
        result.offers.slice(1).forEach((offer, i) => {
          // a refusal starts over from the listed offer
          if (offer === first) return
          expect(comparePrices(offer.price, result.offers[i]!.price)).toBeLessThanOrEqual(0)
          expect(creditWithin(offer.credit, first.credit)).toBe(true)
          expect(offer.round).toBe(result.offers[i]!.round + 1)
        })
        if ('agreed' in result) expect(creditWithin(result.agreed.credit, first.credit)).toBe(true)
      }),
      many,
    )
  })

  it('never refuses a bid that meets the offer', () => {
    fc.assert(
      fc.property(firstOffer, haggledTerms, (offer, bid) => {
        fc.pre(meets(bid, offer))
        expect(applyPolicy(() => ({ refuse: 'no' }), bid, { listed: offer, offer })).toEqual({ accept: bid })
      }),
    )
  })

  it('gives the same answer to the same bid: there is no state to wear down', () => {
    const policy = floor(parsePrice('1 sat/1k tokens'))
    fc.assert(
      fc.property(firstOffer, haggledTerms, (offer, bid) => {
        const context = { listed: { ...offer, smallestPayment: sat(1) }, offer }
        expect(applyPolicy(policy, bid, context)).toEqual(applyPolicy(policy, bid, context))
      }),
    )
  })
})
