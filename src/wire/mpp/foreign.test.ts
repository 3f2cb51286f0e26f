import { expect, it } from 'vitest'
import { msat } from '../../money/msat.ts'
import { createIntentChallenge, verifyChallenge } from '../challenge.ts'
import { readChallenges } from '../challenges.ts'
import { formatAnyCredential, parseAnyCredential } from '../credential.ts'
import { utf8 } from '../encoding.ts'
import { formatChallenge } from '../header.ts'
import { encodeChargeRequest } from './charge.ts'
import { decodeLightningReceipt, encodeLightningReceipt } from './receipt.ts'

/** What `mppx` 0.11.0, the SDK of the scheme's authors, wrote for the request below: recorded. */
const MPPX = {
  header:
    'Payment id="Maq72yaSP70huLLxbCVWF4sSGh9By_l6h-7UIJmpfFw", realm="api.example.com", method="lightning' +
    '", intent="charge", request="eyJhbW91bnQiOiIyMCIsImN1cnJlbmN5Ijoic2F0IiwibWV0aG9kRGV0YWlscyI6eyJpbnZ' +
    'vaWNlIjoibG5iY3J0MjAwbjFwZXhhbXBsZSIsIm5ldHdvcmsiOiJyZWd0ZXN0IiwicGF5bWVudEhhc2giOiJlZmVmZWZlZmVmZWZ' +
    'lZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmIn19", expires="2026-01-02T03:0' +
    '9:05.000Z"',
  credential:
    'Payment eyJjaGFsbGVuZ2UiOnsiZXhwaXJlcyI6IjIwMjYtMDEtMDJUMDM6MDk6MDUuMDAwWiIsImlkIjoiTWFxNzJ5YVNQNzBo' +
    'dUxMeGJDVldGNHNTR2g5QnlfbDZoLTdVSUptcGZGdyIsImludGVudCI6ImNoYXJnZSIsIm1ldGhvZCI6ImxpZ2h0bmluZyIsInJl' +
    'YWxtIjoiYXBpLmV4YW1wbGUuY29tIiwicmVxdWVzdCI6ImV5SmhiVzkxYm5RaU9pSXlNQ0lzSW1OMWNuSmxibU41SWpvaWMyRjBJ' +
    'aXdpYldWMGFHOWtSR1YwWVdsc2N5STZleUpwYm5admFXTmxJam9pYkc1aVkzSjBNakF3YmpGd1pYaGhiWEJzWlNJc0ltNWxkSGR2' +
    'Y21zaU9pSnlaV2QwWlhOMElpd2ljR0Y1YldWdWRFaGhjMmdpT2lKbFptVm1aV1psWm1WbVpXWmxabVZtWldabFptVm1aV1psWm1W' +
    'bVpXWmxabVZtWldabFptVm1aV1psWm1WbVpXWmxabVZtWldabFptVm1aV1psWm1WbUluMTkifSwicGF5bG9hZCI6eyJwcmVpbWFn' +
    'ZSI6ImFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWIifX0',
  receipt:
    'eyJtZXRob2QiOiJsaWdodG5pbmciLCJyZWZlcmVuY2UiOiJlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVm' +
    'ZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmIiwic3RhdHVzIjoic3VjY2VzcyIsInRpbWVzdGFtcCI6IjIwMjYtMDEtMDJUMDM6MDQ6' +
    'MDUuMDAwWiJ9',
}

const secret = utf8('s'.repeat(32))
const paymentHash = 'ef'.repeat(32)
const request = { amount: msat(20_000n), invoice: 'lnbcrt200n1pexample', network: 'regtest' as const, paymentHash }
const challenge = createIntentChallenge({
  secret,
  realm: 'api.example.com',
  intent: 'charge',
  request: encodeChargeRequest(request),
  expiresAtMs: Date.UTC(2026, 0, 2, 3, 9, 5),
})
const payload = { preimage: 'ab'.repeat(32) }

it('writes what mppx writes, byte for byte', () => {
  expect(formatChallenge(challenge)).toBe(MPPX.header)
  expect(formatAnyCredential({ challenge, payload })).toBe(MPPX.credential)
  const receipt = { reference: paymentHash, timestampMs: Date.UTC(2026, 0, 2, 3, 4, 5) }
  expect(encodeLightningReceipt(receipt)).toBe(MPPX.receipt)
  expect(decodeLightningReceipt(MPPX.receipt)).toEqual(receipt)
})

it('reads what mppx writes, and finds its id good', () => {
  expect(readChallenges(MPPX.header)).toEqual({ options: [{ scheme: 'charge', challenge, request }], skipped: [] })
  const credential = parseAnyCredential(MPPX.credential)
  expect(credential).toEqual({ challenge, payload })
  expect(verifyChallenge(secret, credential.challenge)).toBe(true)
})
