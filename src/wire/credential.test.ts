import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sat } from '../money/msat.ts'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { hex } from '../terms/testing/arbitraries.ts'
import { formatCredential, parseAnyCredential, parseCredential } from './credential.ts'
import { encodeBase64url, encodeJson, utf8 } from './encoding.ts'
import { bidTerms, encodePayload, type Payload, toBid } from './payload.ts'
import { anyChallenge, anyPayload } from './testing/arbitraries.ts'
import { challenge, invoice, offer, agreementSecret as secret } from './testing/fixtures.ts'

const id = 'ab'.repeat(16)
const use: Payload = { action: 'use', agreement: id, secret }
const header = (payload: unknown, echoed: unknown = challenge) =>
  `Payment ${encodeJson({ challenge: echoed, payload })}`
const codeOf = (value: string) => codeThrownBy(() => parseCredential(value))

describe('parseCredential', () => {
  it('reads what formatCredential writes', () => {
    const ours = anyChallenge.map((any) => ({ ...any, method: 'lightning', intent: 'stream' }))
    fc.assert(
      fc.property(ours, anyPayload, (any, payload) => {
        const value = formatCredential({ challenge: any, payload })
        fc.pre(value.length <= 8192)
        expect(parseCredential(value)).toEqual({ challenge: any, payload })
      }),
      { numRuns: 500 },
    )
  })

  it('reads every action within 8 KiB, the longest lists and invoices included', () => {
    const longest: Payload[] = [
      { action: 'accept', nonce: id, invoices: new Array(16).fill(sat(10n ** 12n)), bid: toBid(offer) },
      { action: 'invoices', agreement: id, secret, amounts: new Array(16).fill(sat(10n ** 12n)) },
      { action: 'return', agreement: id, secret, invoice: `lnbc1${'q'.repeat(4000)}` },
    ]
    for (const payload of longest)
      expect(parseCredential(formatCredential({ challenge, payload })).payload).toEqual(payload)
  })

  it('is lenient about the scheme and the spaces before the token', () => {
    const token = formatCredential({ challenge, payload: use }).slice('Payment '.length)
    expect(parseCredential(`  payment   ${token} `).payload).toEqual(use)
  })

  it('ignores members it does not know', () => {
    const value = encodeJson({
      challenge: { ...challenge, x: 1 },
      source: 'did:key:z6',
      payload: { ...use, y: [] },
      z: 1,
    })
    expect(parseCredential(`Payment ${value}`)).toEqual({ challenge, payload: use })
    expect(parseAnyCredential(`Payment ${value}`).source).toBe('did:key:z6')
  })

  it.each([
    ['nothing', ''],
    ['no token', 'Payment'],
    ['another scheme', `Bearer ${encodeJson({ challenge, payload: use })}`],
    ['a scheme that only begins alike', `Payments ${encodeJson({ challenge, payload: use })}`],
    ['padding', `${header(use)}=`],
    ['no JSON', `Payment ${encodeBase64url(utf8('nope'))}`],
    ['an array', `Payment ${encodeJson([])}`],
    ['no challenge', `Payment ${encodeJson({ payload: use })}`],
    ['no payload', `Payment ${encodeJson({ challenge })}`],
    ['too much', `Payment ${'A'.repeat(8193)}`],
    ['another credential after a comma', `${header(use)}, Bearer x`],
  ])('refuses %s', (_, value) => {
    expect(codeOf(value)).toBe('credential-malformed')
  })

  it('tells two credentials from a broken one', () => {
    expect(codeOf(`${header(use)}, ${header(use)}`)).toBe('credential-duplicate')
    expect(codeOf(`${header(use)},payment x`)).toBe('credential-duplicate')
  })

  it('tells other methods and intents from a broken one, and can still read them', () => {
    const charge = header({ preimage: '00' }, { ...challenge, intent: 'charge' })
    expect(codeOf(charge)).toBe('method-unsupported')
    expect(codeOf(header(use, { ...challenge, method: 'tempo' }))).toBe('method-unsupported')
    expect(parseAnyCredential(charge)).toMatchObject({ challenge: { intent: 'charge' }, payload: { preimage: '00' } })
  })

  it.each<[string, object]>([
    ['no action', { action: undefined }],
    ['an unknown action', { action: 'steal' }],
    ['an action of Object.prototype', { action: 'constructor' }],
    ['a short agreement', { agreement: 'ab' }],
    ['an agreement in capitals', { agreement: id.toUpperCase() }],
    ['a long secret', { secret: `${secret}00` }],
    ['a secret that is no hex', { secret: 'g'.repeat(64) }],
    ['a secret in an array', { secret: [secret] }],
    ['no amounts', { action: 'invoices' }],
    ['an empty list of amounts', { action: 'invoices', amounts: [] }],
    ['seventeen amounts', { action: 'invoices', amounts: new Array(17).fill('1') }],
    ['an amount of zero', { action: 'invoices', amounts: ['0'] }],
    ['an amount as a number', { action: 'invoices', amounts: [1] }],
    ['a return without an invoice', { action: 'return' }],
    ['a return to something else', { action: 'return', invoice: 'bc1q' }],
    ['an endless invoice', { action: 'return', invoice: `ln${'a'.repeat(4095)}` }],
    ['a short nonce', { action: 'accept', nonce: 'ab', invoices: [] }],
    ['a bid that is no object', { action: 'accept', nonce: id, invoices: [], bid: 'low' }],
    ['a bid without a price', { action: 'accept', nonce: id, invoices: [], bid: { per: '1' } }],
    ['a bid for nothing', { action: 'accept', nonce: id, invoices: [], bid: { amount: '1', per: '0' } }],
    [
      'a bid with half a credit',
      { action: 'accept', nonce: id, invoices: [], bid: { amount: '1', per: '1', credit: {} } },
    ],
  ])('refuses %s', (_, wrong) => {
    expect(codeOf(header({ ...use, ...wrong }))).toBe('credential-malformed')
  })

  it('throws nothing but its three codes, whatever comes', () => {
    const payload = fc.oneof(
      fc.jsonValue(),
      fc.record({ action: fc.constantFrom('accept', 'use', 'return'), agreement: hex(32) }),
    )
    const structured = fc
      .tuple(payload, fc.oneof(fc.constant(challenge), fc.jsonValue()))
      .map((parts) => header(...parts))
    const bytes = fc.uint8Array().map((any) => `Payment ${encodeBase64url(any)}`)
    fc.assert(
      fc.property(
        fc.oneof(
          structured,
          bytes,
          fc.string(),
          fc.string().map((text) => `Payment ${text}`),
        ),
        (value) => {
          expect([undefined, 'credential-malformed', 'credential-duplicate', 'method-unsupported']).toContain(
            codeOf(value),
          )
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('never repeats a secret in what it throws', () => {
    try {
      parseCredential(header({ ...use, agreement: 'x', secret }))
    } catch (error) {
      expect(String(error)).not.toContain(secret)
    }
  })
})

describe('bids', () => {
  it('stand for terms: what they name, and the rest of the offer', () => {
    expect(bidTerms({ amount: sat(2), per: 3n }, offer)).toEqual({
      price: { msat: 2000n, per: 3n, unit: 'token' },
      credit: offer.credit,
      smallestPayment: offer.smallestPayment,
    })
    const { price, credit, smallestPayment } = offer
    expect(bidTerms(toBid(offer), { ...offer, smallestPayment: sat(99) })).toEqual({ price, credit, smallestPayment })
  })

  it('say nothing of what was left out', () => {
    const accept: Payload = { action: 'accept', nonce: id, invoices: [], bid: { amount: sat(2), per: 3n } }
    expect(encodePayload(accept)).toEqual({ ...accept, bid: { amount: '2000', per: '3' } })
    expect(encodePayload({ action: 'return', agreement: id, secret, invoice })).toMatchObject({ invoice })
  })
})
