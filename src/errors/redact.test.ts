import { expect, test } from 'vitest'
import { StreamError, toStreamError } from './error.ts'
import { redact } from './redact.ts'

const SECRET = 'cd'.repeat(32)
const HASH = 'ef'.repeat(32)
const CREDENTIAL = `Payment ${btoa(JSON.stringify({ challenge: { id: 'x' }, payload: { action: 'use', secret: SECRET } }))}`
const MACAROON = `0201036c6e64${'5a'.repeat(80)}`

test.each([
  `authorization: ${CREDENTIAL}`,
  `Headers.append: "${CREDENTIAL}\n" is an invalid header value.`,
  `{"authorization":"Basic eDp5"}`,
  `Authorization: Bearer abc`,
  `Bearer ${'a'.repeat(30)}`,
  `the credential ${CREDENTIAL.slice('Payment '.length)} was sent`,
  `secret ${SECRET}`,
  `"secret":"${SECRET.toUpperCase()}"`,
  MACAROON,
  `macaroon ${btoa(String.fromCharCode(...MACAROON.match(/../g)!.map((hex) => Number.parseInt(hex, 16))))}`,
  `nostr+walletconnect://${'12'.repeat(32)}?relay=wss%3A%2F%2Frelay.example&secret=${SECRET}`,
  `NOSTRWALLETCONNECT:${'12'.repeat(32)}?secret=${SECRET}`,
  `relay=wss://relay.example&secret=${SECRET.slice(0, 60)}`,
  `the key nsec1${'a'.repeat(58)}`,
  'http://me:p@ssword@127.0.0.1:80/x',
  `-----BEGIN EC PRIVATE KEY-----\n${'a'.repeat(64)}\n-----END EC PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\n${'a'.repeat(64)}`,
])('nothing secret is left of %j', (text) => {
  const left = redact(text)
  expect(left).toContain('[redacted]')
  for (const part of [
    SECRET,
    SECRET.slice(0, 60),
    CREDENTIAL.slice(8, 60),
    'eDp5',
    'abc',
    'aaaa',
    MACAROON.slice(12),
    'AgEDbG5k',
    'ssword',
  ]) {
    expect(left.toLowerCase()).not.toContain(part.toLowerCase())
  }
})

test.each([
  'the offer expired at 2026-01-02T03:04:05Z',
  `the invoice's payee is 02${HASH}, not 03${HASH}`,
  'Payment required: 1 sat/MiB, see http://127.0.0.1:2402/film.mp4?user=me@example.com',
  `the agreement ${'ab'.repeat(16)} stays open`,
  '/home/me/.lnd/data/chain/bitcoin/regtest/admin.macaroon: ENOENT',
  'LND says: invoice expired. Valid until 2026-01-01 00:00:00 +0000 UTC',
  'lnbcrt200n1pj9nr7mpp5argz38steqpxyz2ds3nprlvaqxyhqtsyzk0ynruwaqnkqsl9dq0',
])('%j stays as it is', (text) => {
  expect(redact(text)).toBe(text)
})

test('an error carries none in its message, its details, its cause or its stack', () => {
  const cause = Object.assign(new TypeError(`fetch failed with ${CREDENTIAL}`, { cause: new Error(SECRET) }), {
    code: 'X',
  })
  const error = new StreamError('seller-failed', `answered: ${SECRET}`, { answer: CREDENTIAL, paid: '1000' }, cause)
  const inner = error.cause as Error & { code?: string }
  const all = [error.message, error.stack, inner.message, inner.stack, (inner.cause as Error).stack]
  for (const text of [...all, JSON.stringify(error)]) {
    expect(text).not.toContain(SECRET)
    expect(text).not.toContain(CREDENTIAL.slice(8, 40))
  }
  expect(error.details).toEqual({ answer: 'Payment [redacted]', paid: '1000' })
  expect(inner).toMatchObject({ name: 'TypeError', code: 'X', message: 'fetch failed with Payment [redacted]' })
  expect(toStreamError(cause).message).toBe('fetch failed with Payment [redacted]')
})

test('a payment hash is what one recovers by: it stays, and its message may name it', () => {
  const error = new StreamError('payment-unknown', `${HASH} may have settled, ${SECRET} not`, { paymentHash: HASH })
  expect(error.details).toEqual({ paymentHash: HASH })
  expect(error.message).toBe(`${HASH} may have settled, [redacted] not`)
})

test('a cause with nothing to hide stays itself', () => {
  const cause = new Error('ECONNREFUSED')
  expect(new StreamError('node-unreachable', 'x', {}, cause).cause).toBe(cause)
})
