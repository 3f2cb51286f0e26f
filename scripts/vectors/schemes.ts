import { bytesToHex } from '@noble/hashes/utils.js'
import { sat } from '../../src/money/msat.ts'
import { createIntentChallenge } from '../../src/wire/challenge.ts'
import { readChallenges } from '../../src/wire/challenges.ts'
import { formatAnyCredential } from '../../src/wire/credential.ts'
import { encodeJson, jcs } from '../../src/wire/encoding.ts'
import { formatChallenge } from '../../src/wire/header.ts'
import {
  decodeIdentifier,
  encodeIdentifier,
  formatCaveats,
  formatL402,
  formatL402Credential,
  formatL402Metadata,
  formatMacaroon,
  mintMacaroon,
  parseL402,
  parseL402Credential,
  readCaveats,
} from '../../src/wire/l402/index.ts'
import {
  decodeChargeRequest,
  decodeSessionPayload,
  decodeSessionRequest,
  encodeChargeRequest,
  encodeLightningReceipt,
  encodeSessionRequest,
  lightningReceipt,
  parseAcceptPayment,
} from '../../src/wire/mpp/index.ts'
import { challengeSecret, invoice, nowMs } from '../../src/wire/testing/fixtures.ts'
import { plain, refusals, type Vectors } from './row.ts'

const paymentHash = 'ef'.repeat(32)
const preimage = 'ab'.repeat(32)
const identifier = encodeIdentifier({ paymentHash, tokenId: '12'.repeat(32) })
const caveats = formatCaveats('stream', { validUntilMs: nowMs, allowance: { steps: 20_000n, unit: 'token' } })
const macaroon = mintMacaroon(challengeSecret, identifier, 'api.example.com', caveats)
const token = formatMacaroon(macaroon)
const [lsat = '', l402 = ''] = formatL402({ token, invoice })

const charge = encodeChargeRequest({
  amount: sat(20),
  invoice,
  paymentHash,
  network: 'regtest',
  description: '20 units',
})
const session = encodeSessionRequest({
  amount: sat(1),
  unitType: 'token',
  depositInvoice: invoice,
  paymentHash,
  deposit: sat(20),
  idleTimeoutS: 300,
})
const bound = { secret: challengeSecret, realm: 'api.example.com', expiresAtMs: nowMs }
const chargeChallenge = createIntentChallenge({ ...bound, intent: 'charge', request: charge })
const sessionChallenge = createIntentChallenge({ ...bound, intent: 'session', request: session })

const HEADERS = {
  'LSAT and L402, which say the same': `${lsat}, ${l402}`,
  'as the specification writes it': `L402 version="0", token="${token}", invoice="${invoice}"`,
  'as deployed servers write it': `L402 macaroon="${token}", invoice="${invoice}"`,
  'in any order, without commas and quotes': `l402 invoice=${invoice} macaroon=${token}`,
}
const GRANTS = {
  'one of each': caveats,
  'unknown ones': ['services=stream:0', 'color=red', 'no equals sign', 'other_valid_until=1'],
  'narrowed twice': ['services=a:1,stream:2', 'services=stream:1', 'stream_valid_until=20', 'stream_valid_until=10'],
  none: [],
}

export const schemes = (): Vectors => ({
  about:
    'L402, and the intents charge and session: headers, caveats, requests, payloads and receipts. Every token is for the same invoice.',
  l402: {
    secret: bytesToHex(challengeSecret),
    identifier: plain(decodeIdentifier(identifier)),
    caveats,
    token,
    invoice,
    headers: [lsat, l402],
    credential: formatL402Credential(token, preimage),
    metadata: formatL402Metadata(macaroon, preimage),
  },
  l402Headers: Object.entries(HEADERS).map(([name, header]) => ({ name, header, challenges: parseL402(header) })),
  l402HeadersRefused: refusals(
    {
      'no invoice': `L402 macaroon="${token}"`,
      'no token': `L402 invoice="${invoice}"`,
      'two different tokens': `L402 macaroon="${token}", token="AgEA", invoice="${invoice}"`,
      'a parameter twice': `${l402}, invoice="${invoice}"`,
      'another version': l402.replace('version="0"', 'version="1"'),
      'an open quote': `L402 macaroon="${token}`,
    },
    parseL402,
  ),
  l402CredentialsRefused: refusals(
    {
      'no preimage': `L402 ${token}`,
      'a short preimage': `L402 ${token}:ab`,
      'no macaroon': `L402 :${preimage}`,
      'not a macaroon': `L402 AAAA:${preimage}`,
      'two that differ': `L402 ${token}:${preimage}, LSAT ${token}:${'cd'.repeat(32)}`,
      'another scheme': `Bearer ${token}:${preimage}`,
    },
    parseL402Credential,
  ),
  grants: Object.entries(GRANTS).map(([name, list]) => ({
    name,
    service: 'stream',
    caveats: list,
    grant: plain(readCaveats(list, 'stream')),
  })),
  grantsRefused: refusals<readonly string[]>(
    {
      'for another service': ['services=other:0'],
      'a time that was widened': ['stream_valid_until=10', 'stream_valid_until=11'],
      'a service that was added': ['services=a:0', 'services=a:0,stream:0'],
      'an allowance that was widened': ['stream_allowance=10:token', 'stream_allowance=11:token'],
      'an allowance in another unit': ['stream_allowance=10:token', 'stream_allowance=10:byte'],
      'a capability that was added': ['stream_capabilities=read', 'stream_capabilities=read,write'],
      'a time that is none': ['stream_valid_until=soon'],
    },
    (list) => readCaveats(list, 'stream'),
  ),
  requests: [
    { intent: 'charge', canonical: jcs(charge), header: formatChallenge(chargeChallenge) },
    { intent: 'session', canonical: jcs(session), header: formatChallenge(sessionChallenge) },
  ],
  requestsRead: plain(readChallenges([formatChallenge(chargeChallenge), formatChallenge(sessionChallenge), l402])),
  chargesRefused: refusals<object>(
    {
      'another currency': { ...charge, currency: 'msat' },
      'an amount of zero': { ...charge, amount: '0' },
      'a fraction of a sat': { ...charge, amount: '1.5' },
      'a number for an amount': { ...charge, amount: 20 },
      'no invoice': { ...charge, methodDetails: {} },
      'a hash in capitals': { ...charge, methodDetails: { invoice, paymentHash: paymentHash.toUpperCase() } },
    },
    (value) => decodeChargeRequest(encodeJson(value)),
  ),
  sessionsRefused: refusals<object>(
    {
      'no payment hash': { ...session, paymentHash: undefined },
      'an amount of zero': { ...session, amount: '0' },
      'a deposit that is a number': { ...session, depositAmount: 20 },
      'a timeout in words': { ...session, idleTimeout: 'never' },
    },
    (value) => decodeSessionRequest(encodeJson(value)),
  ),
  credentials: [
    formatAnyCredential({ challenge: chargeChallenge, payload: { preimage } }),
    formatAnyCredential({ challenge: sessionChallenge, payload: { action: 'open', preimage, returnInvoice: invoice } }),
  ],
  sessionPayloads: [
    { action: 'open', preimage, returnInvoice: invoice },
    { action: 'bearer', sessionId: paymentHash, preimage },
    { action: 'topUp', sessionId: paymentHash, topUpPreimage: preimage },
    { action: 'close', sessionId: paymentHash, preimage },
  ],
  sessionPayloadsRefused: refusals<object>(
    {
      'an unknown action': { action: 'drain', sessionId: paymentHash, preimage },
      'a preimage in capitals': { action: 'bearer', sessionId: paymentHash, preimage: preimage.toUpperCase() },
      'a top-up without its preimage': { action: 'topUp', sessionId: paymentHash, preimage },
      'an open without a way back': { action: 'open', preimage },
    },
    decodeSessionPayload,
  ),
  receipts: [
    { reference: paymentHash, timestampMs: nowMs, challengeId: chargeChallenge.id },
    { reference: paymentHash, timestampMs: nowMs, closed: { refundSats: 140n, refundStatus: 'succeeded' as const } },
    { reference: paymentHash, timestampMs: nowMs, used: { spentSats: 202n, units: 101n } },
  ].map((receipt) => ({ canonical: jcs(lightningReceipt(receipt)), header: encodeLightningReceipt(receipt) })),
  acceptPayment: [
    'lightning/session, lightning/charge;q=0.5',
    'lightning/*;q=0.6, */session ; q=0.30, lightning/stream;q=0',
    'lightning',
    'lightning/charge;q=2',
    '',
  ].map((header) => ({ header, ranges: parseAcceptPayment(header) ?? null })),
})
