import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PER_MSAT } from '../money/tariff.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { tariffs } from '../money/testing/tariffs.ts'
import { decodeAgreement, differingTerms, encodeAgreement } from './agreement.ts'
import { encodeJson } from './encoding.ts'
import { decodeOffer, encodeOffer } from './offer.ts'
import { agreement, agreementSecret, offer } from './testing/fixtures.ts'

const any = tariffs('byte', 'token', 'second', 'play-second', 'image')

describe('a tariff on the wire', () => {
  it('comes back as it was written, in offer and agreement', () => {
    fc.assert(
      fc.property(any, (tariff) => {
        const offered = { ...offer, price: PER_MSAT, tariff }
        expect(decodeOffer(encodeJson(encodeOffer(offered)))).toEqual(offered)
        const agreed = { ...agreement, price: PER_MSAT, tariff }
        const read = decodeAgreement(JSON.parse(JSON.stringify(encodeAgreement(agreed, agreementSecret, []))))
        expect(read.agreement).toEqual(agreed)
      }),
    )
  })

  it('whatever JSON stands in its place, it is read strictly or refused', () => {
    const json = encodeOffer({ ...offer, price: PER_MSAT, tariff: { request: agreement.smallestPayment } })
    const member = fc.constantFrom('request', 'upload', 'input', 'output', 'minimum', 'extra', 'more')
    const charge = fc.record({ amount: fc.jsonValue(), per: fc.jsonValue(), unitType: fc.jsonValue() })
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(member, fc.oneof(fc.jsonValue(), charge, fc.nat().map(String))),
    )
    fc.assert(
      fc.property(strange, (tariff) => {
        expect([undefined, 'challenge-malformed']).toContain(
          codeThrownBy(() => decodeOffer(encodeJson({ ...json, tariff }))),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('is part of what was accepted', () => {
    const tariff = { request: agreement.smallestPayment }
    const accepted = { ...offer, price: PER_MSAT, tariff }
    const got = { ...agreement, price: PER_MSAT }
    expect(differingTerms(accepted, { ...got, tariff })).toEqual([])
    expect(differingTerms(accepted, got)).toEqual(['tariff'])
    expect(differingTerms(accepted, { ...got, tariff: { ...tariff, extra: agreement.smallestPayment } })).toEqual([
      'tariff',
    ])
    const { tariff: _, ...plain } = accepted
    expect(differingTerms(plain, { ...got, tariff })).toEqual(['tariff'])
  })
})
