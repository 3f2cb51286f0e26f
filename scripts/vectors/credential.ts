import { sat } from '../../src/money/msat.ts'
import { formatCredential, parseCredential } from '../../src/wire/credential.ts'
import { encodeJson } from '../../src/wire/encoding.ts'
import { encodePayload, type Payload, toBid } from '../../src/wire/payload.ts'
import { agreement, challenge, invoice, offer, agreementSecret as secret } from '../../src/wire/testing/fixtures.ts'
import { refusals, type Vectors } from './row.ts'

const proof = { agreement: agreement.id, secret }
const nonce = '0123456789abcdef'.repeat(2)
const PAYLOADS: readonly Payload[] = [
  { action: 'accept', nonce, invoices: [sat(1), sat(20)] },
  { action: 'accept', nonce, invoices: [], bid: { amount: sat(1), per: 2000n } },
  { action: 'accept', nonce, invoices: [sat(5)], bid: toBid({ ...offer, smallestPayment: sat(5) }) },
  { action: 'use', ...proof },
  { action: 'invoices', ...proof, amounts: [sat(20), sat(20)] },
  { action: 'watch', ...proof },
  { action: 'close', ...proof },
  { action: 'return', ...proof, invoice },
]
const value = (payload: object, echoed: object = challenge) => `Payment ${encodeJson({ challenge: echoed, payload })}`
const use = { action: 'use', ...proof }

export const credential = (): Vectors => ({
  about: 'Authorization values (section 3). Every one echoes the same challenge.',
  challenge,
  credentials: PAYLOADS.map((payload) => ({
    payload: encodePayload(payload),
    header: formatCredential({ challenge, payload }),
  })),
  refused: refusals(
    {
      'no token': 'Payment',
      'another scheme': `Bearer ${value(use).slice(8)}`,
      padding: `${value(use)}=`,
      'two credentials': `${value(use)}, ${value(use)}`,
      'another intent': value(use, { ...challenge, intent: 'charge' }),
      'another method': value(use, { ...challenge, method: 'tempo' }),
      'no id': value(use, { ...challenge, id: '' }),
      'an unknown action': value({ ...use, action: 'steal' }),
      'a secret in capitals': value({ ...use, secret: secret.toUpperCase() }),
      'a short agreement': value({ ...use, agreement: 'ab' }),
      'no amounts': value({ ...use, action: 'invoices', amounts: [] }),
      'an amount of zero': value({ ...use, action: 'invoices', amounts: ['0'] }),
      'seventeen amounts': value({ ...use, action: 'invoices', amounts: new Array(17).fill('1000') }),
      'a return to an address': value({ ...use, action: 'return', invoice: 'bcrt1q0' }),
      'a bid for nothing': value({ action: 'accept', nonce, invoices: [], bid: { amount: '1', per: '0' } }),
      'more than 8 KiB': `Payment ${'A'.repeat(8193)}`,
    },
    parseCredential,
  ),
})
