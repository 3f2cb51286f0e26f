import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sat } from '../money/msat.ts'
import { comparePrices, type Price } from '../money/price.ts'
import { everydayPrice } from '../money/testing/arbitraries.ts'
import { creditWithin } from './credit.ts'
import { negotiate } from './negotiate.ts'
import { fixed, type SellerPolicy, volume } from './policy.ts'
import { bargain, floor, reserveAt } from './reserve.ts'
import {
  acceptUpTo,
  applyStrategy,
  type BuyerStrategy,
  bidFromTo,
  concedeWithin,
  inPieces,
  MAX_OFFERS,
} from './strategy.ts'
import type { Offer } from './terms.ts'
import { anyOffer, firstOffer, haggledTerms } from './testing/arbitraries.ts'

/** What foreign code may come back with, when it does not throw. */
const junk = fc.oneof(
  fc.anything(),
  fc.constantFrom<unknown>(
    undefined,
    null,
    Number.NaN,
    {},
    { accept: false },
    { accept: 1 },
    { bid: undefined },
    { bid: { price: { msat: Number.NaN, per: 1n, unit: 'token' } } },
    { refuse: 'because' },
    Promise.resolve({ accept: true }),
  ),
  fc.record({
    bid: fc.record({
      price: fc.record({
        msat: fc.oneof(fc.bigInt(), fc.double(), fc.constant('1')),
        per: fc.oneof(fc.bigInt(), fc.double(), fc.constant(0n)),
        unit: fc.constantFrom('token', 'byte', '', 'MB'),
      }),
      credit: fc.oneof(fc.record({ start: fc.bigInt(), max: fc.bigInt(), ramp: fc.bigInt() }), fc.anything()),
      smallestPayment: fc.oneof(fc.bigInt(), fc.double()),
    }),
  }),
  haggledTerms.map((bid) => ({ bid })),
  haggledTerms.map((accept) => ({ accept })),
  haggledTerms.map((counter) => ({ counter, beyondListed: true })),
)

interface Limits {
  readonly limit: Price
  readonly least: Price
  readonly rounds: number
  readonly answers: readonly unknown[]
}

const STRATEGIES: Readonly<Record<string, (limits: Limits) => BuyerStrategy>> = {
  fixed: ({ limit }) => acceptUpTo([limit]),
  concede: ({ limit, rounds }) => concedeWithin([limit], { share: 40_000n }, rounds),
  'from the floor': ({ limit, least, rounds }) => bidFromTo(reserveAt(least, limit), limit, rounds),
  'in pieces': ({ limit, rounds }) => inPieces(sat(5), concedeWithin([limit], { share: 10_000n }, rounds)),
  greedy: () => () => ({ accept: true }),
  'pays ten times': () => (offer) => ({ bid: { ...offer, price: { ...offer.price, msat: offer.price.msat * 10n } } }),
  'never agrees': () => (offer) => ({ bid: { ...offer, price: { ...offer.price, msat: 0n } } }),
  'asks for all credit': () => (offer) => ({
    bid: { ...offer, credit: { start: sat(1e9), max: sat(1e9), ramp: 0n }, smallestPayment: sat(0) },
  }),
  throws: () => () => {
    throw new Error('no')
  },
  junk:
    ({ answers }) =>
    (_, { round }) =>
      answers[round % answers.length] as never,
}

const POLICIES: Readonly<Record<string, (limits: Limits) => SellerPolicy>> = {
  fixed: () => fixed(),
  floor: ({ least }) => floor(least),
  volume: ({ least }) => volume([{ from: sat(5), price: least }]),
  bargain: ({ least }) =>
    bargain({
      floor: least,
      volume: [{ from: sat(5), price: { share: 1n } }],
      load: { streams: 4, price: { share: 50_000n } },
      hours: [{ from: '22:00', to: '06:00', price: least }],
    }),
  generous: () => (bid) => ({ accept: bid }),
  'most generous': () => (bid) => ({ accept: bid, beyondListed: true }),
  'raises its price':
    () =>
    (_, { listed, round }) => ({
      counter: { ...listed, price: { ...listed.price, msat: listed.price.msat * BigInt(round + 2) } },
    }),
  refuses: () => () => ({ refuse: 'no' }),
  throws: () => () => {
    throw new Error('no')
  },
  junk:
    ({ answers }) =>
    (_, { round }) =>
      answers[round % answers.length] as never,
}

const price = everydayPrice('token')
const lower = (a: Price, b: Price): Price => (comparePrices(a, b) <= 0 ? a : b)

describe.each(Object.keys(STRATEGIES))('a buyer that is: %s', (buyer) => {
  it.each(Object.keys(POLICIES))('and a seller that is: %s, end in time and within the limits of both', (seller) => {
    fc.assert(
      fc.property(
        firstOffer,
        fc.boolean(),
        price,
        price,
        fc.integer({ min: 1, max: 16 }),
        fc.array(junk, { minLength: 1, maxLength: 5 }),
        fc.record({ nowMs: fc.integer({ min: 0, max: 2_000_000_000_000 }), streams: fc.nat(9) }),
        (offered, negotiable, limit, least, rounds, answers, circumstances) => {
          const first: Offer = { ...offered, negotiable }
          const limits = { limit, least, rounds, answers }
          const bounds = { ...circumstances, limits: [limit], floor: least }
          const result = negotiate(POLICIES[seller]!(limits), STRATEGIES[buyer]!(limits), first, rounds, bounds)
          expect(result.offers.length).toBeLessThanOrEqual(MAX_OFFERS + 1)
          expect(result.bids.length).toBeLessThanOrEqual(MAX_OFFERS)
          for (const bid of result.bids) expect(comparePrices(bid.price, limit)).toBeLessThanOrEqual(0)
          if (!('agreed' in result)) return
          const { agreed } = result
          expect(comparePrices(agreed.price, limit)).toBeLessThanOrEqual(0)
          expect(comparePrices(agreed.price, lower(least, first.price))).toBeGreaterThanOrEqual(0)
          if (seller !== 'most generous' && seller !== 'junk') {
            expect(creditWithin(agreed.credit, first.credit)).toBe(true)
            expect(agreed.smallestPayment >= first.smallestPayment).toBe(true)
          }
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('a strategy, whatever it is', () => {
  it('never makes its buyer throw, and moves only to what was bid or offered', () => {
    fc.assert(
      fc.property(anyOffer, junk, price, fc.nat(20), (offer, answer, limit, round) => {
        const move = applyStrategy(() => answer as never, offer, { round }, [limit])
        if ('bid' in move) expect(typeof move.bid.price.msat).toBe('bigint')
        else if ('accept' in move) expect(comparePrices(offer.price, limit)).toBeLessThanOrEqual(0)
        else expect(move.refuse).toMatch(/^[a-z-]+$/)
      }),
      { numRuns: 2000 },
    )
  })
})
