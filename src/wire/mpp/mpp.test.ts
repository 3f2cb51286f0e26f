import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../../errors/error.ts'
import { msat, sat } from '../../money/msat.ts'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { hex } from '../../terms/testing/arbitraries.ts'
import { challengeId, createIntentChallenge, verifyChallenge } from '../challenge.ts'
import { formatAnyCredential, parseAnyCredential, parseCredential } from '../credential.ts'
import { encodeJson } from '../encoding.ts'
import { formatChallenge, parseChallenges } from '../header.ts'
import { fromProblem } from '../problem.ts'
import { nowMs, challengeSecret as secret } from '../testing/fixtures.ts'
import { foreignInvoice } from '../testing/invoice.ts'
import { chargeInvoice, decodeChargePayload, decodeChargeRequest, encodeChargeRequest } from './charge.ts'
import { lightningProblem } from './problem.ts'
import { decodeLightningReceipt, encodeLightningReceipt, lightningReceipt } from './receipt.ts'
import {
  decodeSessionClosed,
  decodeSessionPayload,
  decodeSessionRequest,
  decodeSessionShort,
  depositInvoice,
  encodeSessionClosed,
  encodeSessionRequest,
  encodeSessionShort,
  type SessionPayload,
} from './session.ts'

const paymentHash = 'ab'.repeat(32)
const invoice = foreignInvoice({ paymentHash, amount: 20_000n })
const sats = fc.bigInt(1n, 10n ** 12n).map((n) => msat(n * 1000n))
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const optional = { requiredKeys: [] as [] }

const anyCharge = fc
  .record({ description: text, recipient: text, externalId: text, paymentHash: hex(64) }, optional)
  .chain((rest) => sats.map((amount) => ({ ...rest, amount, invoice })))
const anySession = fc
  .record(
    {
      unitType: text,
      description: text,
      depositInvoice: fc.constant(invoice),
      deposit: sats,
      idleTimeoutS: fc.nat(10 ** 6),
    },
    optional,
  )
  .chain((rest) => fc.tuple(sats, hex(64)).map(([amount, hash]) => ({ ...rest, amount, paymentHash: hash })))
const anyPayload: fc.Arbitrary<SessionPayload> = fc.oneof(
  fc.record({ action: fc.constant('open' as const), preimage: hex(64), returnInvoice: fc.constant(invoice) }),
  fc.record({ action: fc.constantFrom('bearer' as const, 'close' as const), sessionId: hex(64), preimage: hex(64) }),
  fc.record({ action: fc.constant('topUp' as const), sessionId: hex(64), topUpPreimage: hex(64) }),
)

describe('charge and session', () => {
  it('requests come back as they were written, padded or not', () => {
    fc.assert(
      fc.property(anyCharge, anySession, (charge, session) => {
        const written = encodeJson(encodeChargeRequest(charge))
        expect(decodeChargeRequest(written)).toEqual(charge)
        expect(decodeChargeRequest(written.padEnd(Math.ceil(written.length / 4) * 4, '='))).toEqual(charge)
        expect(decodeSessionRequest(encodeJson(encodeSessionRequest(session)))).toEqual(session)
      }),
    )
  })

  it('payloads come back, without what nobody asked for', () => {
    fc.assert(
      fc.property(anyPayload, (payload) => {
        expect(decodeSessionPayload({ ...payload, later: 1 })).toEqual(payload)
      }),
    )
    expect(decodeChargePayload({ preimage: paymentHash, later: 1 })).toEqual({ preimage: paymentHash })
    for (const preimage of [paymentHash.toUpperCase(), 'ab', undefined, 1, null]) {
      expect(codeThrownBy(() => decodeChargePayload({ preimage }))).toBe('credential-malformed')
    }
  })

  it('throw nothing but their own errors, whatever the JSON', () => {
    const keys = [
      'amount',
      'currency',
      'methodDetails',
      'paymentHash',
      'depositInvoice',
      'action',
      'preimage',
      'status',
      'refundSats',
    ]
    const value = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.jsonValue(), fc.constantFrom('sat', 'open', 'closed', '1'))),
    )
    fc.assert(
      fc.property(value, (json) => {
        const encoded = encodeJson(json)
        for (const read of [decodeChargeRequest, decodeSessionRequest]) {
          expect([undefined, 'challenge-malformed']).toContain(codeThrownBy(() => read(encoded)))
        }
        for (const read of [decodeChargePayload, decodeSessionPayload]) {
          expect([undefined, 'credential-malformed']).toContain(codeThrownBy(() => read(json)))
        }
        const answers = [
          () => decodeSessionClosed(json),
          () => decodeSessionShort(JSON.stringify(json)),
          () => decodeLightningReceipt(encoded),
        ]
        for (const read of answers) expect([undefined, 'seller-failed']).toContain(codeThrownBy(read))
      }),
      { numRuns: 3000 },
    )
  })

  it('invoices must be what the request says beside them', () => {
    const charge = { amount: sat(20), invoice }
    expect(chargeInvoice(charge).paymentHash).toBe(paymentHash)
    expect(chargeInvoice({ ...charge, paymentHash, network: 'regtest' }).amount).toBe(sat(20))
    const wrong = [{ amount: sat(21) }, { paymentHash: 'cd'.repeat(32) }, { network: 'mainnet' as const }]
    for (const change of wrong) {
      expect(codeThrownBy(() => chargeInvoice({ ...charge, ...change }))).toBe('invoice-mismatch')
    }
    const session = { amount: sat(1), paymentHash, depositInvoice: invoice }
    expect(depositInvoice({ ...session, deposit: sat(20) }).amount).toBe(sat(20))
    expect(codeThrownBy(() => depositInvoice({ ...session, deposit: sat(21) }))).toBe('invoice-mismatch')
    expect(codeThrownBy(() => depositInvoice({ amount: sat(1), paymentHash }))).toBe('challenge-malformed')
  })

  it('credentials of theirs may be padded, those of stream may not', () => {
    const bound = { secret, realm: 'r', expiresAtMs: nowMs }
    const challenge = createIntentChallenge({
      ...bound,
      intent: 'charge',
      request: encodeChargeRequest({ amount: sat(20), invoice }),
    })
    const header = formatAnyCredential({ challenge, source: 'did:key:x', payload: { preimage: paymentHash } })
    for (const value of [header, `${header}=`, `${header}==`]) {
      const read = parseAnyCredential(value)
      expect(read).toEqual({ challenge, source: 'did:key:x', payload: { preimage: paymentHash } })
      expect(verifyChallenge(secret, read.challenge)).toBe(true)
    }
    expect(codeThrownBy(() => parseCredential(`${header}=`))).toBe('credential-malformed')
    expect(codeThrownBy(() => parseCredential(header))).toBe('method-unsupported')
  })

  it('the header of a credential is bound where it is named', () => {
    const bound = { realm: 'r', method: 'lightning', intent: 'charge', request: 'e30' }
    const header = 'Payment-Authorization'
    expect(challengeId(secret, { ...bound, header })).not.toBe(challengeId(secret, bound))
    const challenge = createIntentChallenge({
      secret,
      realm: 'r',
      expiresAtMs: nowMs,
      intent: 'charge',
      request: {},
      header,
    })
    const [read] = parseChallenges(formatChallenge(challenge))
    expect(read).toEqual(challenge)
    expect(verifyChallenge(secret, read!)).toBe(true)
    expect(verifyChallenge(secret, { ...challenge, header: 'X-Other' })).toBe(false)
  })

  it('answers to close, events and receipts come back', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 10n ** 12n),
        fc.constantFrom('succeeded' as const, 'failed' as const, 'skipped' as const, 'pending' as const),
        hex(64),
        (n, refundStatus, sessionId) => {
          const closed = { refundSats: n, refundStatus }
          expect(decodeSessionClosed(encodeSessionClosed(closed))).toEqual(closed)
          const short = { sessionId, balanceSpent: n, balanceRequired: 2n }
          expect(decodeSessionShort(JSON.stringify(encodeSessionShort(short)))).toEqual(short)
          for (const more of [{}, { closed }, { used: { spentSats: n, units: n } }, { challengeId: 'x' }]) {
            const receipt = { reference: sessionId, timestampMs: nowMs, ...more }
            expect(decodeLightningReceipt(encodeLightningReceipt(receipt))).toEqual(receipt)
            expect(decodeLightningReceipt(lightningReceipt(receipt))).toEqual(receipt)
          }
        },
      ),
    )
    expect(decodeSessionClosed({ status: 'closed', refundSats: 140 })).toEqual({
      refundSats: 140n,
      refundStatus: 'failed',
    })
    // As Go writes it, where nothing is left.
    const { refundSats: _, ...left } = lightningReceipt({
      reference: 'x',
      timestampMs: nowMs,
      closed: { refundSats: 0n, refundStatus: 'pending' },
    })
    expect(decodeLightningReceipt(left).closed).toEqual({ refundSats: 0n, refundStatus: 'pending' })
  })

  it('problems have the types of the drafts, and are read back', () => {
    const codes = ['credential-malformed', 'challenge-invalid', 'preimage-invalid', 'offer-expired'] as const
    for (const code of codes) {
      for (const intent of ['charge', 'session'] as const) {
        const { code: _, ...foreign } = lightningProblem(new StreamError(code, 'x'), intent)
        expect(foreign.type).toMatch(/^https:\/\/paymentauth\.org\/problems\/lightning\/[a-z-]+$/)
        expect(foreign.status).toBe(402)
        expect(fromProblem(foreign)?.code).toBe(code)
      }
    }
    for (const name of ['session-not-found', 'session-closed', 'insufficient-balance', 'invalid-return-invoice']) {
      const type = `https://paymentauth.org/problems/lightning/${name}`
      expect(fromProblem({ type, title: 'x', status: 402 })).toBeInstanceOf(StreamError)
    }
    expect(fromProblem({ type: 'https://paymentauth.org/problems/lightning/toString' })).toBeUndefined()
    expect(lightningProblem(new StreamError('rate-limited', 'x'), 'charge').status).toBe(429)
  })
})
