import { describe, expect, it } from 'vitest'
import { msat, sat } from '../money/msat.ts'
import { parsePrice } from '../money/price.ts'
import { applyPolicy, type BidAnswer, DEFAULT_ROUNDS } from './answer.ts'
import { fixedCredit } from './credit.ts'
import { fixed, type PolicyAnswer, type SellerPolicy } from './policy.ts'
import { floor } from './reserve.ts'
import type { Offer, Terms } from './terms.ts'

const listed: Terms = { price: parsePrice('1 sat/1k tokens'), credit: fixedCredit(sat(5)), smallestPayment: sat(1) }
const first: Offer = {
  ...listed,
  network: 'regtest',
  payee: `02${'ab'.repeat(32)}`,
  scope: '/v1',
  negotiable: true,
  round: 0,
}
const low: Terms = { ...listed, price: parsePrice('500 msat/1k tokens') }
const answer = (policy: SellerPolicy, bid: Terms, offer: Offer = first): BidAnswer =>
  applyPolicy(policy, bid, { listed, offer })
/** A policy that says whatever it is told to, however wrong. */
const says =
  (words: unknown): SellerPolicy =>
  () =>
    words as PolicyAnswer
const generous: SellerPolicy = (bid) => ({ accept: bid })

describe('applyPolicy', () => {
  it('accepts a bid that meets the offer, whatever the policy or the round', () => {
    expect(answer(says({ refuse: 'no' }), listed)).toEqual({ accept: listed })
    expect(answer(fixed(), listed, { ...first, negotiable: false, round: 99 })).toEqual({ accept: listed })
  })

  it('makes the next offer of a counter', () => {
    expect(answer(floor(parsePrice('600 msat/1k tokens')), low)).toEqual({
      counter: { ...first, price: parsePrice('900 msat/1k tokens'), round: 1 },
    })
  })

  it('calls the last offer not negotiable, and hears no bid on it', () => {
    const last = answer(floor(low.price), { ...low, price: parsePrice('1 msat/1k tokens') }, { ...first, round: 3 })
    expect(last).toMatchObject({ counter: { round: DEFAULT_ROUNDS, negotiable: false, price: low.price } })
    const offer = (last as { counter: Offer }).counter
    expect(answer(generous, { ...low, price: parsePrice('1 msat/1k tokens') }, offer)).toEqual({
      refuse: 'rounds-exhausted',
      reason: 'no more than 4 bids are heard',
    })
    // even where the offer was signed before the number of rounds was lowered
    expect(answer(generous, low, { ...first, round: 4 })).toMatchObject({ refuse: 'rounds-exhausted' })
  })

  it('refuses another unit', () => {
    const bytes = { ...listed, price: parsePrice('9 sat/byte') }
    expect(answer(generous, bytes)).toEqual({ refuse: 'unit-mismatch', reason: 'bids are in token' })
    // an offer that was signed before the seller changed its unit
    expect(answer(generous, bytes, { ...first, price: bytes.price })).toMatchObject({ refuse: 'unit-mismatch' })
  })

  it('gives credit and small payments beyond the listed ones only when the policy says so', () => {
    const bold: Terms = { ...low, credit: fixedCredit(sat(500)) }
    const dust: Terms = { ...low, smallestPayment: msat(1n) }
    for (const bid of [bold, dust]) {
      expect(answer(generous, bid)).toEqual({ counter: { ...first, price: low.price, round: 1 } })
      expect(answer((terms) => ({ accept: terms, beyondListed: true }), bid)).toEqual({ accept: bid })
    }
    expect(answer(says({ counter: bold }), low)).toMatchObject({ counter: { credit: listed.credit } })
  })

  it('never accepts other terms than the bid: the buyer has not agreed to them', () => {
    const other = parsePrice('750 msat/1k tokens')
    expect(answer(says({ accept: { ...low, price: other } }), low)).toMatchObject({ counter: { price: other } })
    const credit = { start: sat(1), max: sat(2), ramp: 8n }
    for (const change of [
      { credit: { ...credit, start: sat(0) } },
      { credit: { ...credit, max: sat(1) } },
      { credit: { ...credit, ramp: 9n } },
      { smallestPayment: sat(2) },
    ]) {
      const bid = { ...low, credit }
      expect(answer(says({ accept: { ...bid, ...change } }), bid)).toMatchObject({ counter: change })
    }
  })

  it('takes nothing back that an offer gave', () => {
    const cheap: Offer = { ...first, price: parsePrice('700 msat/1k tokens'), round: 2 }
    expect(answer(says({ counter: listed }), low, cheap)).toMatchObject({ counter: { price: cheap.price, round: 3 } })
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'accept'],
    ['an empty object', {}],
    ['no terms', { accept: undefined }],
    ['a negative price', { counter: { ...listed, price: { ...listed.price, msat: -1n } } }],
    ['a price for nothing', { counter: { ...listed, price: { ...listed.price, per: 0n } } }],
    ['a float', { counter: { ...listed, price: { ...listed.price, msat: 0.5 } } }],
    ['another unit', { counter: { ...listed, price: { ...listed.price, unit: 'byte' } } }],
    ['negative credit', { counter: { ...listed, credit: { start: -1n, max: 0n, ramp: 0n } } }],
    ['a negative ramp', { counter: { ...listed, credit: { start: 0n, max: 0n, ramp: -1n } } }],
    ['no credit at all', { counter: { price: listed.price, smallestPayment: 0n } }],
    ['a negative payment', { counter: { ...listed, smallestPayment: -1n } }],
    ['a promise', Promise.resolve({ accept: low })],
  ])('refuses when the policy answers %s', (_, words) => {
    expect(answer(says(words), low)).toMatchObject({ refuse: 'terms-refused', cause: expect.anything() })
  })

  it('refuses when the policy throws, and keeps the cause for the log', () => {
    const cause = new Error('the database is gone')
    const refusal = answer(() => {
      throw cause
    }, low)
    expect(refusal).toMatchObject({ refuse: 'terms-refused', reason: 'no answer to this bid', cause: { cause } })
    expect(JSON.stringify(refusal, ['refuse', 'reason'])).not.toContain('database')
  })

  it('tells the seller what was wrong with its policy', () => {
    const { price, credit } = listed
    const bytes = answer(says({ counter: { ...listed, price: { ...price, unit: 'byte' } } }), low)
    expect(bytes).toMatchObject({ cause: { message: 'the policy answered in byte' } })
    const ramp = answer(says({ counter: { ...listed, credit: { ...credit, ramp: -1n } } }), low)
    expect(ramp).toMatchObject({ cause: { message: 'the policy answered with a negative ramp' } })
  })

  it('bounds the reason a policy gives', () => {
    const refusal = answer(says({ refuse: 'x'.repeat(10_000) }), low)
    expect(refusal).toMatchObject({ refuse: 'terms-refused' })
    expect((refusal as { reason: string }).reason).toHaveLength(200)
  })
})
