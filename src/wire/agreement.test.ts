import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { msat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { anyAgreement, hex } from '../terms/testing/arbitraries.ts'
import { decodeAgreement, decodeInvoiceList, differingTerms, encodeAgreement, sameTerms } from './agreement.ts'
import { agreement, invoice, offer, agreementSecret as secret } from './testing/fixtures.ts'

const json = encodeAgreement(agreement, secret, [invoice])
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('decodeAgreement', () => {
  it('reads what encodeAgreement writes', () => {
    const invoices = fc.array(fc.string({ maxLength: 100 }), { maxLength: 16 })
    fc.assert(
      fc.property(anyAgreement, hex(64), invoices, (any, key, list) => {
        const decoded = decodeAgreement(overTheWire(encodeAgreement(any, key, list)))
        expect(decoded).toEqual({ agreement: any, secret: key, invoices: list })
      }),
    )
  })

  it('ignores what it does not know and misses what it needs', () => {
    expect(decodeAgreement({ ...json, x: 1 }).agreement).toEqual(agreement)
    for (const name of Object.keys(json)) {
      expect(
        codeThrownBy(() => decodeAgreement({ ...json, [name]: undefined })),
        name,
      ).toBe('seller-failed')
    }
  })

  it.each<[string, object]>([
    ['too many invoices', { invoices: new Array(17).fill(invoice) }],
    ['an endless invoice', { invoices: ['x'.repeat(4097)] }],
    ['an invoice that is no text', { invoices: [1] }],
    ['a time that is none', { expires: 'tomorrow' }],
    ['an id in capitals', { agreement: 'AB'.repeat(16) }],
    ['another currency', { currency: 'usd' }],
  ])('refuses %s', (_, wrong) => {
    expect(codeThrownBy(() => decodeAgreement({ ...json, ...wrong }))).toBe('seller-failed')
  })

  it('throws nothing but seller-failed', () => {
    const altered = fc
      .tuple(fc.constantFrom(...Object.keys(json)), fc.jsonValue())
      .map(([name, value]) => ({ ...json, [name]: value }))
    fc.assert(
      fc.property(fc.oneof(altered, fc.jsonValue(), fc.anything()), (value) => {
        expect([undefined, 'seller-failed']).toContain(codeThrownBy(() => decodeAgreement(value)))
        expect([undefined, 'seller-failed']).toContain(codeThrownBy(() => decodeInvoiceList(value)))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('sameTerms', () => {
  it('knows the same price however it is written', () => {
    expect(sameTerms(offer, agreement)).toBe(true)
    expect(sameTerms(offer, { ...agreement, price: { msat: 1n, per: 1n, unit: 'token' } })).toBe(true)
  })

  it('names what differs', () => {
    const other = {
      ...agreement,
      price: { ...agreement.price, msat: 1001n },
      credit: { ...agreement.credit, ramp: 11n },
      smallestPayment: msat(1n),
      payee: `03${'00'.repeat(32)}`,
      network: 'mainnet' as const,
      scope: '/v2',
    }
    expect(differingTerms(offer, other)).toEqual(['price', 'credit', 'smallestPayment', 'payee', 'network', 'scope'])
    expect(differingTerms(offer, { ...agreement, price: { ...agreement.price, unit: 'byte' } })).toEqual(['unit'])
  })

  it('compares bare terms without asking who is party to them', () => {
    const { price, credit, smallestPayment } = offer
    expect(sameTerms({ price, credit, smallestPayment }, { ...agreement, scope: '/v2' })).toBe(true)
  })
})
