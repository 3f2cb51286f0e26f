import { describe, expect, it } from 'vitest'
import { formatPrice, parsePrice } from '../money/price.ts'
import { DEFAULT_ROUNDS } from './answer.ts'
import { negotiate } from './negotiate.ts'
import type { SellerPolicy } from './policy.ts'
import { floor } from './reserve.ts'
import { acceptUpTo, bidFromTo } from './strategy.ts'
import type { Offer } from './terms.ts'
import { offerAt } from './testing/offers.ts'

const first = offerAt('1 sat/1k tokens')
const haggle = (from: string, to: string, rounds = 4) => bidFromTo(parsePrice(from), parsePrice(to), rounds)
const prices = (list: ReadonlyArray<Pick<Offer, 'price'>>) => list.map(({ price }) => formatPrice(price))

describe('negotiate', () => {
  it('goes to and fro until they meet, and tells every offer and every bid', () => {
    const result = negotiate(
      floor(parsePrice('600 msat/1k tokens')),
      haggle('400 msat/1k tokens', '700 msat/1k tokens'),
      first,
    )
    expect(prices(result.offers)).toEqual(['1 sat/1k tokens', '900 msat/1k tokens', '800 msat/1k tokens'])
    expect(prices(result.bids)).toEqual(['400 msat/1k tokens', '500 msat/1k tokens', '600 msat/1k tokens'])
    expect(result).toMatchObject({ agreed: { price: parsePrice('600 msat/1k tokens') } })
  })

  it('tells who gave up, and why', () => {
    const dear = negotiate(floor(first.price), acceptUpTo([parsePrice('1 msat/1k tokens')]), first)
    expect(dear).toMatchObject({ refusedBy: 'buyer', code: 'price-too-high', bids: [] })
    // a seller that hears one bid only, and a buyer that would not take its word for it
    const deaf = negotiate(floor(first.price), ({ price }) => ({ bid: { ...first, price: { ...price, msat: 1n } } }), {
      ...first,
      round: DEFAULT_ROUNDS,
    })
    expect(deaf).toMatchObject({ refusedBy: 'seller', code: 'rounds-exhausted' })
    expect(deaf.bids).toHaveLength(1)
  })

  it('has the seller hear as many bids as it said', () => {
    const heard: number[] = []
    const policy: SellerPolicy = (_, { round, rounds }) => {
      heard.push(round)
      return { refuse: `only ${rounds}` }
    }
    const result = negotiate(policy, haggle('1 msat/1k tokens', '2 msat/1k tokens', 6), first, 2)
    // a refusal carries the listed offer, so that each bid is the first one again: the buyer's own rounds end it
    expect(heard).toEqual([0, 0, 0, 0, 0, 0])
    expect(result.offers.every((offer) => offer === first)).toBe(true)
    expect(result).toMatchObject({ refusedBy: 'buyer', code: 'rounds-exhausted' })
  })
})
