import { bytesToHex } from '@noble/hashes/utils.js'
import { readPriceSpec } from '../../src/money/tariff.ts'
import { type Challenge, challengeId, createChallenge, verifyChallenge } from '../../src/wire/challenge.ts'
import { encodeJson, jcs } from '../../src/wire/encoding.ts'
import { formatChallenge, parseChallenges } from '../../src/wire/header.ts'
import { decodeOffer, encodeOffer } from '../../src/wire/offer.ts'
import { nowMs, offer, challenge as sample, challengeSecret as secret } from '../../src/wire/testing/fixtures.ts'
import { formatTime } from '../../src/wire/time.ts'
import { refusals, type Vectors } from './row.ts'

const bound = { realm: 'api.example.com', method: 'lightning', intent: 'stream', request: 'e30' }
const BOUND: ReadonlyArray<Omit<Challenge, 'id'>> = [
  bound,
  { ...bound, expires: '2026-01-02T03:04:05Z' },
  { ...bound, digest: 'sha-256=:AA==:', opaque: 'e30' },
  { ...bound, description: 'is not bound' },
]
const OFFERS = {
  'tokens, with a ramp of credit': offer,
  'seconds, fixed': { ...offer, price: { msat: 10_000n, per: 1000n, unit: 'second' }, negotiable: false },
  'a tariff': {
    ...offer,
    ...readPriceSpec({ input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' }),
  },
  'playing time': { ...offer, ...readPriceSpec('2 sat/play-second') },
  'a unit of its own, after a round': { ...offer, price: { msat: 5000n, per: 1n, unit: 'image' }, round: 1 },
}
const minimal = 'id="x", realm="r", method="lightning", intent="charge", request="e30"'
const HEADERS = {
  plain: `Payment ${minimal}`,
  'any case, tokens, no spaces': 'PAYMENT Id=x,REALM=r,method=lightning,intent=charge,request=e30',
  'escapes and commas inside quotes': `Payment ${minimal.replace('"r"', '"a \\"b\\", Payment id=\\\\"')}`,
  'unknown parameters': `Payment ${minimal}, version="2", x=1`,
  'other schemes around it': `Basic realm="a, Payment b", Payment ${minimal}, L402 macaroon="AGIA", invoice="lnbc1"`,
  'two on one line': `Payment ${minimal}, Payment ${minimal.replace('"x"', '"y"')}`,
  'the readable one of two': `Payment ${minimal}, id="twice", Payment ${minimal}`,
  'a description beyond ASCII, as bytes': formatChallenge({ ...sample, description: 'pro 1 000 Token: “é”' }),
  'none of ours': 'Bearer realm="x"',
}
const json = encodeOffer(offer)

export const challenge = (): Vectors => ({
  about: 'Challenge ids, WWW-Authenticate values and the offers inside (sections 2 and 7). Secrets are hex.',
  ids: BOUND.map((parameters) => ({
    secret: bytesToHex(secret),
    parameters,
    id: challengeId(secret, parameters),
  })),
  challenges: Object.entries(OFFERS).map(([name, any]) => {
    const made = createChallenge({ secret, realm: 'api.example.com', offer: any, expiresAtMs: nowMs })
    const request = encodeOffer(any)
    return {
      name,
      secret: bytesToHex(secret),
      expires: formatTime(nowMs),
      canonical: jcs(request),
      header: formatChallenge(made),
    }
  }),
  headers: Object.entries(HEADERS).map(([name, header]) => ({ name, header, challenges: parseChallenges(header) })),
  headersRefused: refusals(
    {
      'a parameter twice': `Payment ${minimal}, id="y"`,
      'no id': 'Payment realm="r", method="lightning", intent="stream", request="e30"',
      'an empty id': `Payment ${minimal.replace('"x"', '""')}`,
      'an open quote': `Payment ${minimal.slice(0, -1)}`,
      'padding outside quotes': `Payment ${minimal.replace('"e30"', 'e30=')}`,
    },
    parseChallenges,
  ),
  verification: [
    sample,
    { ...sample, description: 'added later' },
    { ...sample, realm: 'elsewhere.example.com' },
    { ...sample, request: encodeJson(encodeOffer({ ...offer, price: { ...offer.price, msat: 1n } })) },
    { ...sample, id: sample.id.toLowerCase() },
  ].map((echoed) => ({ secret: bytesToHex(secret), echoed, valid: verifyChallenge(secret, echoed) })),
  offersRefused: refusals<object>(
    {
      'a number for an amount': { ...json, amount: 1000 },
      'a leading zero': { ...json, amount: '01' },
      'another currency': { ...json, currency: 'sat' },
      'no steps': { ...json, per: '0' },
      'a unit that looks like another': { ...json, unitType: 'mb' },
      'credit without a ramp': { ...json, credit: { start: '0', max: '0' } },
      'a scope with a space': { ...json, scope: '/a b' },
      'half a round': { ...json, round: 0.5 },
      'an unknown network': { ...json, methodDetails: { ...json.methodDetails, network: 'liquid' } },
      'an uncompressed key': { ...json, methodDetails: { ...json.methodDetails, payee: `04${'ab'.repeat(32)}` } },
    },
    (value) => decodeOffer(encodeJson(value)),
  ),
})
