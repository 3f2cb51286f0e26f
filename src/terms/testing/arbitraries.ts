import fc from 'fast-check'
import type { Network } from '../../lightning/node.ts'
import { anyMsat, anyPrice, everydayPrice } from '../../money/testing/arbitraries.ts'
import type { Agreement, Credit, Offer, Terms } from '../terms.ts'

export const hex = (digits: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => text.length === digits)

export const anyCredit: fc.Arbitrary<Credit> = fc.record({
  start: anyMsat,
  max: anyMsat,
  ramp: fc.oneof(fc.constant(0n), fc.bigInt(1n, 100n), fc.bigInt(0n, 10n ** 18n)),
})
const smallCredit: fc.Arbitrary<Credit> = fc.record({
  start: fc.bigInt(0n, 9n) as fc.Arbitrary<Credit['start']>,
  max: fc.bigInt(0n, 9n) as fc.Arbitrary<Credit['max']>,
  ramp: fc.bigInt(0n, 3n),
})

export const anyTerms: fc.Arbitrary<Terms> = fc.record({
  price: anyPrice(),
  credit: anyCredit,
  smallestPayment: anyMsat,
})
/** Terms that two sides could plausibly argue about: same unit, nearby numbers. */
export const haggledTerms: fc.Arbitrary<Terms> = fc.record({
  price: everydayPrice('token'),
  credit: smallCredit,
  smallestPayment: fc.bigInt(0n, 9n) as fc.Arbitrary<Terms['smallestPayment']>,
})

export const anyNetwork: fc.Arbitrary<Network> = fc.constantFrom('mainnet', 'testnet', 'signet', 'regtest', 'simnet')
const parties = {
  network: anyNetwork,
  payee: fc.tuple(fc.constantFrom('02', '03'), hex(64)).map((parts) => parts.join('')),
  scope: fc.stringMatching(/^[!-~]{1,256}$/),
}

const asOffer = (terms: fc.Arbitrary<Terms>, negotiable: fc.Arbitrary<boolean>, round: fc.Arbitrary<number>) =>
  fc
    .tuple(terms, fc.record({ ...parties, negotiable, round }))
    .map(([haggled, rest]): Offer => ({ ...haggled, ...rest }))
export const anyOffer: fc.Arbitrary<Offer> = asOffer(anyTerms, fc.boolean(), fc.nat(99))
export const firstOffer: fc.Arbitrary<Offer> = asOffer(haggledTerms, fc.constant(true), fc.constant(0))

/** From 1970 to 9999, the years RFC 3339 has four digits for. */
export const anyTimeMs = fc.integer({ min: 0, max: 253_402_300_799_999 })
export const anyAgreement: fc.Arbitrary<Agreement> = fc
  .tuple(anyTerms, fc.record({ ...parties, id: hex(32), expiresAtMs: anyTimeMs }))
  .map(([terms, rest]) => ({ ...terms, ...rest }))
