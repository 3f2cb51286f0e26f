import type { Agreement } from '../../src/terms/terms.ts'
import { decodeAgreement, differingTerms, encodeAgreement } from '../../src/wire/agreement.ts'
import { encodeOffer } from '../../src/wire/offer.ts'
import { invoice, offer, agreement as sample, agreementSecret as secret } from '../../src/wire/testing/fixtures.ts'
import { refusals, type Vectors } from './row.ts'

const json = encodeAgreement(sample, secret, [invoice])
const GOT: readonly Agreement[] = [
  sample,
  { ...sample, price: { msat: 1n, per: 1n, unit: 'token' } },
  { ...sample, price: { ...sample.price, msat: 1001n } },
  { ...sample, price: { ...sample.price, unit: 'byte' } },
  { ...sample, credit: { ...sample.credit, ramp: 11n }, scope: '/v2' },
  { ...sample, unsigned: true },
  { ...sample, network: 'mainnet', payee: `03${'00'.repeat(32)}` },
]

export const agreement = (): Vectors => ({
  about: 'The answer to `accept` (section 3), and what a buyer finds different from what it accepted.',
  agreement: json,
  refused: refusals<object>(
    {
      'no secret': { ...json, secret: undefined },
      'a short id': { ...json, agreement: 'ab' },
      'another word on statements': { ...json, methodDetails: { ...json.methodDetails, statements: 'maybe' } },
      'another currency': { ...json, currency: 'usd' },
      'a time that is none': { ...json, expires: 'tomorrow' },
      'seventeen invoices': { ...json, invoices: new Array(17).fill(invoice) },
    },
    decodeAgreement,
  ),
  accepted: encodeOffer(offer),
  differences: GOT.map((got) => ({ got: encodeAgreement(got, secret, []), differs: differingTerms(offer, got) })),
})
