import { describe, expect, it } from 'vitest'
import { msat, sat } from '../money/msat.ts'
import { formatPrice, parsePrice } from '../money/price.ts'
import { fixedCredit, NO_CREDIT } from './credit.ts'
import { fixed, type PolicyAnswer, type SellerPolicy, volume } from './policy.ts'
import { floor } from './reserve.ts'
import type { Terms } from './terms.ts'

const listed: Terms = { price: parsePrice('1 sat/1k tokens'), credit: fixedCredit(sat(5)), smallestPayment: sat(1) }
const at = (price: string, rest: Partial<Terms> = {}): Terms => ({ ...listed, price: parsePrice(price), ...rest })
const ask = (policy: SellerPolicy, bid: Terms, round = 0, rounds = 4): PolicyAnswer =>
  policy(bid, { listed, round, rounds, nowMs: 0, streams: 0 })
const counterPrice = (answer: PolicyAnswer): string | undefined =>
  'counter' in answer ? formatPrice(answer.counter.price) : undefined

describe('fixed', () => {
  it('takes the listed terms and better ones only', () => {
    expect(ask(fixed(), listed)).toEqual({ accept: listed })
    expect(ask(fixed(), at('1 sat/999 tokens'))).toHaveProperty('accept')
    expect(ask(fixed(), at('1 sat/1k tokens', { credit: NO_CREDIT }))).toHaveProperty('accept')
    expect(ask(fixed(), at('1 sat/1001 tokens'))).toEqual({ refuse: 'the terms are fixed' })
    expect(ask(fixed(), at('1 sat/1k tokens', { credit: fixedCredit(sat(6)) }))).toHaveProperty('refuse')
    expect(ask(fixed(), at('1 sat/1k tokens', { smallestPayment: msat(999n) }))).toHaveProperty('refuse')
  })
})

describe('floor', () => {
  const policy = floor(parsePrice('600 msat/1k tokens'))

  it('takes what is at or above the minimum', () => {
    expect(ask(policy, at('600 msat/1k tokens'))).toHaveProperty('accept')
    expect(ask(policy, at('3 sat/5k tokens'))).toHaveProperty('accept')
  })

  it('comes down from the listed price, round by round, to the minimum', () => {
    const low = at('1 msat/1k tokens')
    expect([0, 1, 2, 3].map((round) => counterPrice(ask(policy, low, round)))).toEqual([
      '900 msat/1k tokens',
      '800 msat/1k tokens',
      '700 msat/1k tokens',
      '600 msat/1k tokens',
    ])
  })

  it('keeps a good price and takes back the credit that was asked with it', () => {
    const answer = ask(policy, at('700 msat/1k tokens', { credit: fixedCredit(sat(6)), smallestPayment: msat(1n) }))
    expect(answer).toEqual({ counter: at('700 msat/1k tokens') })
  })

  it('never asks more than the listed price', () => {
    expect(ask(floor(parsePrice('2 sat/1k tokens')), listed)).toHaveProperty('accept')
    expect(counterPrice(ask(floor(parsePrice('2 sat/1k tokens')), at('1 msat/1k tokens')))).toBe('1 sat/1k tokens')
  })
})

describe('volume', () => {
  const discounts = [
    { from: sat(10), price: parsePrice('900 msat/1k tokens') },
    { from: sat(100), price: parsePrice('700 msat/1k tokens') },
  ]
  const policy = volume(discounts)

  it.each([
    ['1 sat/1k tokens', 1, true],
    ['900 msat/1k tokens', 9, false],
    ['900 msat/1k tokens', 10, true],
    ['700 msat/1k tokens', 99, false],
    ['700 msat/1k tokens', 100, true],
    ['699 msat/1k tokens', 100, false],
  ])('sells at %s in pieces of %d sat: %s', (price, piece, sold) => {
    expect('accept' in ask(policy, at(price, { smallestPayment: sat(piece) }))).toBe(sold)
  })

  it('gives the lowest price whatever the order of the discounts', () => {
    const bid = at('700 msat/1k tokens', { smallestPayment: sat(100) })
    expect(ask(volume(discounts.toReversed()), bid)).toHaveProperty('accept')
    expect(ask(volume([...discounts, { from: sat(1), price: parsePrice('2 sat/1k tokens') }]), bid)).toHaveProperty(
      'accept',
    )
  })

  it('keeps a good price and takes back the credit that was asked with it', () => {
    const bid = at('950 msat/1k tokens', { credit: fixedCredit(sat(6)), smallestPayment: sat(10) })
    expect(ask(policy, bid)).toEqual({ counter: { ...bid, credit: listed.credit } })
  })

  it('answers with the price for the pieces that were bid', () => {
    expect(counterPrice(ask(policy, at('1 msat/1k tokens')))).toBe('1 sat/1k tokens')
    expect(counterPrice(ask(policy, at('1 msat/1k tokens', { smallestPayment: sat(50) })))).toBe('900 msat/1k tokens')
  })
})
