import { describe, expect, it } from 'vitest'
import type { StreamError } from '../errors/error.ts'
import { type Msat, sat } from '../money/msat.ts'
import { formatPrice, type Price, parsePrice } from '../money/price.ts'
import { readPriceSpec, type TariffText } from '../money/tariff.ts'
import { codeThrownBy, messageThrownBy } from '../money/testing/arbitraries.ts'
import { readReserve } from './reserve.ts'
import {
  acceptUpTo,
  applyStrategy,
  bidFromTo,
  bothLimits,
  concedeWithin,
  haggler,
  inPieces,
  MAX_OFFERS,
  offerRefusal,
  priceRefusal,
  type StrategyAnswer,
  termsOf,
} from './strategy.ts'
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

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('the model is gone')
      },
      'the model is gone',
    ],
    ['answers nothing known', () => ({ haggle: true }), 'the strategy answers neither accept, nor bid, nor refuse'],
    ['does not accept', () => ({ accept: false }), 'the strategy answers neither accept, nor bid, nor refuse'],
    ['refuses in words of its own', () => ({ refuse: 'meh' }), 'the strategy refuses with a word that is no code'],
    ['bids a float', () => ({ bid: { ...offer, smallestPayment: 1.5 } }), 'the strategy answered with a float'],
  ])('refuses for a strategy that %s, and says why', (_, strategy, why) => {
    const answer = applyStrategy(strategy as () => StrategyAnswer, offer, { round: 0 })
    expect(answer).toMatchObject({ refuse: 'strategy-failed' })
    const { cause } = answer as { cause: StreamError }
    expect(`${cause.message} ${cause.cause}`).toContain(why)
  })

  it.each(['price-too-high', 'unit-mismatch', 'rounds-exhausted'] as const)(
    'hands on that it refuses: %s',
    (refuse) => {
      expect(applyStrategy(() => ({ refuse }), offer, { round: 0 })).toEqual({ refuse })
    },
  )

  it('takes and bids nothing above the limits', () => {
    const limits = [parsePrice('900 msat/1k tokens')]
    const says = (answer: StrategyAnswer) => applyStrategy(() => answer, offer, { round: 0 }, limits)
    expect(says({ accept: true })).toEqual({ refuse: 'price-too-high' })
    expect(says({ bid: offerAt('1 sat/1k tokens') }), 'which is the offer').toEqual({ refuse: 'price-too-high' })
    expect(says({ bid: offerAt('950 msat/1k tokens') })).toEqual({ refuse: 'price-too-high' })
    expect(says({ bid: offerAt('900 msat/1k tokens') })).toHaveProperty('bid')
  })
})

describe('what is wrong with an offer', () => {
  const refusal = (tariff: TariffText, limits: readonly string[], scale = '1 msat/msat') =>
    offerRefusal(
      { price: parsePrice(scale), tariff: readPriceSpec(tariff).tariff! },
      limits.map((limit) => parsePrice(limit)),
    )
  const chat = { input: '1 sat/1k tokens', output: '4 sat/1k tokens' }

  it('is each charge of a tariff that is above the limit for its unit', () => {
    expect(refusal(chat, [])).toBeUndefined()
    expect(refusal(chat, ['4 sat/1k tokens'])).toBeUndefined()
    expect(refusal(chat, ['3 sat/1k tokens'])).toBe('price-too-high')
    expect(refusal({ input: '4 sat/1k tokens', output: '1 sat/1k tokens' }, ['3 sat/1k tokens'])).toBe('price-too-high')
  })

  it('is a charge in a unit that no limit is for, whatever else', () => {
    expect(refusal({ ...chat, upload: '1 msat/MiB' }, ['4 sat/1k tokens'])).toBe('unit-mismatch')
    expect(refusal({ ...chat, upload: '1 msat/MiB' }, ['1 sat/1k tokens'])).toBe('unit-mismatch')
    expect(refusal({ ...chat, upload: '1 msat/MiB' }, ['4 sat/1k tokens', '1 msat/MiB'])).toBeUndefined()
  })

  it('is what is added to a request, at least and at most together', () => {
    expect(refusal({ ...chat, request: '2 sat' }, ['4 sat/1k tokens'])).toBe('unit-mismatch')
    expect(refusal({ ...chat, request: '2 sat' }, ['4 sat/1k tokens', '2 sat/request'])).toBeUndefined()
    expect(refusal({ ...chat, extra: '2 sat' }, ['4 sat/1k tokens', '2 sat/request'])).toBeUndefined()
    expect(refusal({ ...chat, extra: '2 sat' }, ['4 sat/1k tokens', '1 sat/request'])).toBe('price-too-high')
    const both = { ...chat, request: '1 sat', extra: '2 sat' }
    expect(refusal(both, ['4 sat/1k tokens', '3 sat/request'])).toBeUndefined()
    expect(refusal(both, ['4 sat/1k tokens', '2 sat/request'])).toBe('price-too-high')
  })

  it('is judged at the price of the sum', () => {
    expect(refusal(chat, ['4 sat/1k tokens'], '3 msat/2 msat')).toBe('price-too-high')
    expect(refusal(chat, ['6 sat/1k tokens'], '3 msat/2 msat')).toBeUndefined()
    expect(refusal(chat, ['5999 msat/1k tokens'], '3 msat/2 msat')).toBe('price-too-high')
    expect(refusal(chat, ['2 sat/1k tokens'], '1 msat/2 msat')).toBeUndefined()
    expect(
      refusal({ ...chat, request: '2 sat' }, ['4 sat/1k tokens', '1 sat/request'], '1 msat/2 msat'),
    ).toBeUndefined()
  })
})

describe('limits of two', () => {
  const both = (one: readonly string[], other: readonly string[]) =>
    bothLimits(
      one.map((limit) => parsePrice(limit)),
      other.map((limit) => parsePrice(limit)),
    )
  const takes = (limits: readonly Price[], price: string) => priceRefusal(parsePrice(price), limits) === undefined

  it('are those of the one that has any', () => {
    expect(both([], [])).toEqual([])
    expect(both(['2 sat/KiB'], [])).toEqual([parsePrice('2 sat/KiB')])
    expect(both([], ['2 sat/KiB'])).toEqual([parsePrice('2 sat/KiB')])
  })

  it('are kept to in the units that both name', () => {
    const limits = both(['2 sat/KiB', '5 sat/s'], ['1 sat/KiB', '1 sat/token'])
    expect(takes(limits, '1 sat/KiB')).toBe(true)
    expect(takes(limits, '2 sat/KiB')).toBe(false)
    expect(takes(limits, '1 msat/s')).toBe(false)
    expect(takes(limits, '1 msat/token')).toBe(false)
    expect(takes(both(['1 sat/KiB'], ['2 sat/KiB']), '2 sat/KiB')).toBe(false)
  })

  it('that have no unit in common take nothing', () => {
    const limits = both(['2 sat/KiB'], ['1 sat/token'])
    expect(limits).toHaveLength(1)
    for (const price of ['0 sat/KiB', '0 sat/token', '0 sat/s']) expect(takes(limits, price)).toBe(false)
  })
})

describe('bids within limits', () => {
  const strategy = concedeWithin([parsePrice('1 sat/1k tokens'), parsePrice('2 sat/MiB')], readReserve('50%'), 2)

  it('begin with a part of the limit for the unit, and end at it', () => {
    const bids = (price: string) => [0, 1].map((round) => bidPrice(strategy(offerAt(price), { round })))
    expect(bids('2 sat/1k tokens')).toEqual(['500 msat/1k tokens', '1 sat/1k tokens'])
    expect(bids('3 sat/MiB')).toEqual(['1 sat/MiB', '2 sat/MiB'])
    expect(strategy(offerAt('1 msat/s'), { round: 0 })).toEqual({ refuse: 'unit-mismatch' })
  })

  it('are none for a tariff, which is taken within them or not at all', () => {
    const { price, tariff } = readPriceSpec({ output: '1 sat/1k tokens', upload: '2 sat/MiB' })
    expect(strategy({ ...offerAt('1 sat/1k tokens'), price, tariff: tariff! }, { round: 0 })).toEqual({ accept: true })
    const dear = readPriceSpec({ output: '2 sat/1k tokens', upload: '2 sat/MiB' })
    expect(strategy({ ...offerAt('1 sat/1k tokens'), price, tariff: dear.tariff! }, { round: 0 })).toEqual({
      refuse: 'price-too-high',
    })
  })
})

describe('bids in pieces', () => {
  const bid = (smallest: Msat): StrategyAnswer => ({
    bid: { ...termsOf(offerAt('1 sat/s')), smallestPayment: smallest },
  })

  it('are for payments of at least the size', () => {
    const ask = (answer: StrategyAnswer) => inPieces(sat(5), () => answer)(offerAt('1 sat/s'), { round: 0 })
    expect(ask(bid(sat(1)))).toEqual(bid(sat(5)))
    expect(ask(bid(sat(9)))).toEqual(bid(sat(9)))
    expect(ask({ accept: true })).toEqual({ accept: true })
    expect(ask({ refuse: 'price-too-high' })).toEqual({ refuse: 'price-too-high' })
  })
})

it('a haggler counts its own rounds', () => {
  const rounds: number[] = []
  const haggle = haggler((_, { round }) => {
    rounds.push(round)
    return { bid: offerAt('1 msat/s') }
  })
  expect([1, 2, 3].map(() => haggle(offerAt('1 sat/s', { round: 7 })))).toEqual(
    Array(3).fill({ bid: termsOf(offerAt('1 msat/s')) }),
  )
  expect(rounds).toEqual([0, 1, 2])
})
