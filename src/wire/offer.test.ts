import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { anyOffer } from '../terms/testing/arbitraries.ts'
import { encodeJson } from './encoding.ts'
import { decodeOffer, encodeOffer } from './offer.ts'
import { offer } from './testing/fixtures.ts'

const json = encodeOffer(offer)
const decode = (value: unknown) => decodeOffer(encodeJson(value))

describe('decodeOffer', () => {
  it('reads what encodeOffer writes', () => {
    fc.assert(
      fc.property(anyOffer, (any) => {
        expect(decode(encodeOffer(any))).toEqual(any)
      }),
    )
  })

  it('ignores members it does not know, everywhere', () => {
    const further = {
      ...json,
      x: [1],
      credit: { ...json.credit, y: null },
      methodDetails: { ...json.methodDetails, z: {} },
    }
    expect(decode(further)).toEqual(offer)
  })

  it('refuses to do without any member', () => {
    for (const name of Object.keys(json)) {
      expect(
        codeThrownBy(() => decode({ ...json, [name]: undefined })),
        name,
      ).toBe('challenge-malformed')
    }
  })

  it.each<[string, object]>([
    ['a number for an amount', { amount: 1000 }],
    ['a leading zero', { amount: '01' }],
    ['a negative amount', { amount: '-1' }],
    ['more than all bitcoin', { amount: '2100000000000000001' }],
    ['another currency', { currency: 'sat' }],
    ['no steps', { per: '0' }],
    ['too many steps', { per: '1000000000000001' }],
    ['a unit that is no name', { unitType: 'Token' }],
    ['a unit that looks like another', { unitType: 'mb' }],
    ['credit as a string', { credit: '0' }],
    ['credit as an array', { credit: [] }],
    ['no ramp', { credit: { start: '0', max: '0' } }],
    ['an endless ramp', { credit: { ...json.credit, ramp: '9'.repeat(20) } }],
    ['an empty scope', { scope: '' }],
    ['a scope with spaces', { scope: '/a b' }],
    ['a long scope', { scope: 'x'.repeat(257) }],
    ['a word for a truth', { negotiable: 'true' }],
    ['a round as text', { round: '0' }],
    ['half a round', { round: 0.5 }],
    ['a round below zero', { round: -1 }],
    ['a hundred rounds', { round: 100 }],
    ['an unknown network', { methodDetails: { ...json.methodDetails, network: 'toString' } }],
    ['a short key', { methodDetails: { ...json.methodDetails, payee: '02' } }],
    ['an uncompressed key', { methodDetails: { ...json.methodDetails, payee: `04${'ab'.repeat(32)}` } }],
    ['a key in capitals', { methodDetails: { ...json.methodDetails, payee: `02${'AB'.repeat(32)}` } }],
  ])('refuses %s', (_, wrong) => {
    expect(codeThrownBy(() => decode({ ...json, ...wrong }))).toBe('challenge-malformed')
  })

  it('throws nothing but challenge-malformed, whatever JSON comes', () => {
    const altered = fc
      .tuple(fc.constantFrom(...Object.keys(json)), fc.jsonValue())
      .map(([name, value]) => ({ ...json, [name]: value }))
    fc.assert(
      fc.property(fc.oneof(altered, fc.jsonValue()), (value) => {
        expect([undefined, 'challenge-malformed']).toContain(codeThrownBy(() => decode(value)))
      }),
      { numRuns: 2000 },
    )
  })
})
