import { describe, expect, it } from 'vitest'
import { formatPrice, parsePrice } from '../money/price.ts'
import { codeThrownBy, messageThrownBy } from '../money/testing/arbitraries.ts'
import { acceptUpTo, applyStrategy, bidFromTo, MAX_OFFERS, type StrategyAnswer } from './strategy.ts'
import { offerAt } from './testing/offers.ts'

const bidPrice = (answer: StrategyAnswer): string | undefined =>
  'bid' in answer ? formatPrice(answer.bid.price) : undefined

describe('acceptUpTo', () => {
  const limits = [parsePrice('2 sat/1k tokens'), parsePrice('1 sat/MiB')]

  it.each([
    ['2 sat/1k tokens', { accept: true }],
    ['4 sat/2k tokens', { accept: true }],
    ['2001 msat/1k tokens', { refuse: 'price-too-high' }],
    ['1 sat/MiB', { accept: true }],
    ['1 sat/MB', { refuse: 'price-too-high' }],
    ['1 msat/s', { refuse: 'unit-mismatch' }],
    ['0 sat/image', { refuse: 'unit-mismatch' }],
  ])('answers %s', (price, expected) => {
    expect(acceptUpTo(limits)(offerAt(price), { round: 0 })).toEqual(expected)
  })

  it('takes every price without limits, and keeps to the lower of two', () => {
    expect(acceptUpTo([])(offerAt('99 BTC/byte'), { round: 0 })).toEqual({ accept: true })
    const both = acceptUpTo([parsePrice('2 sat/s'), parsePrice('1 sat/s')])
    expect(both(offerAt('1500 msat/s'), { round: 0 })).toEqual({ refuse: 'price-too-high' })
  })
})

describe('bidFromTo', () => {
  const strategy = bidFromTo(parsePrice('400 msat/1k tokens'), parsePrice('700 msat/1k tokens'), 4)

  it('comes up in equal steps', () => {
    const bids = [0, 1, 2, 3].map((round) => bidPrice(strategy(offerAt('1 sat/1k tokens'), { round })))
    expect(bids).toEqual(['400 msat/1k tokens', '500 msat/1k tokens', '600 msat/1k tokens', '700 msat/1k tokens'])
  })

  it('takes an offer at or below its own next bid', () => {
    expect(strategy(offerAt('500 msat/1k tokens'), { round: 1 })).toEqual({ accept: true })
    expect(bidPrice(strategy(offerAt('501 msat/1k tokens'), { round: 1 }))).toBe('500 msat/1k tokens')
  })

  it('takes what is within its limit when there is nothing more to bid', () => {
    const last = { negotiable: false }
    expect(strategy(offerAt('700 msat/1k tokens', last), { round: 0 })).toEqual({ accept: true })
    expect(strategy(offerAt('701 msat/1k tokens', last), { round: 0 })).toEqual({ refuse: 'price-too-high' })
    expect(strategy(offerAt('701 msat/1k tokens'), { round: 4 })).toEqual({ refuse: 'rounds-exhausted' })
    expect(strategy(offerAt('1 sat/MiB'), { round: 0 })).toEqual({ refuse: 'unit-mismatch' })
  })

  it('bids its limit at once in a single round', () => {
    const once = bidFromTo(parsePrice('400 msat/1k tokens'), parsePrice('700 msat/1k tokens'), 1)
    expect(bidPrice(once(offerAt('1 sat/1k tokens'), { round: 0 }))).toBe('700 msat/1k tokens')
  })

  it('checks what it is made of', () => {
    const [low, high] = [parsePrice('1 sat/s'), parsePrice('2 sat/s')]
    expect(bidFromTo(low, low, MAX_OFFERS)(offerAt('1 sat/s'), { round: 0 })).toEqual({ accept: true })
    expect(messageThrownBy(() => bidFromTo(high, low, 3))).toBe('the first bid is above the last')
    expect(messageThrownBy(() => bidFromTo(low, high, 0))).toContain(`1 to ${MAX_OFFERS} rounds`)
    expect(codeThrownBy(() => bidFromTo(high, low, 3))).toBe('option-invalid')
    expect(codeThrownBy(() => bidFromTo(low, parsePrice('1 sat/byte'), 3))).toBe('unit-mismatch')
    for (const rounds of [0, -1, 1.5, Number.NaN, MAX_OFFERS + 1]) {
      expect(codeThrownBy(() => bidFromTo(low, high, rounds))).toBe('option-invalid')
    }
  })
})

describe('applyStrategy', () => {
  const offer = offerAt('1 sat/1k tokens')

  it('takes an offer rather than bid as much or more', () => {
    const eager = applyStrategy(() => ({ bid: offerAt('2 sat/1k tokens') }), offer, { round: 0 })
    expect(eager).toEqual({ accept: true })
  })

  it('ends, whatever the strategy does', () => {
    const stubborn = () => ({ bid: offerAt('1 msat/1k tokens') })
    expect(applyStrategy(stubborn, offer, { round: MAX_OFFERS - 1 })).toHaveProperty('bid')
    expect(applyStrategy(stubborn, offer, { round: MAX_OFFERS })).toEqual({ refuse: 'rounds-exhausted' })
    expect(applyStrategy(stubborn, { ...offer, negotiable: false }, { round: 0 })).toEqual({ refuse: 'price-too-high' })
    expect(applyStrategy(() => ({ bid: offerAt('1 sat/byte') }), offer, { round: 0 })).toEqual({
      refuse: 'unit-mismatch',
    })
  })
})
