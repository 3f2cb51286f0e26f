import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readSecret, sign, verifyWebhook } from './signature.ts'

const secret = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`
const nowMs = 1_700_000_000_000
const timestamp = '1700000000'

const headers = (changes: Record<string, string> = {}): Headers =>
  new Headers({
    'webhook-id': 'msg_1',
    'webhook-timestamp': timestamp,
    'webhook-signature': sign(readSecret(secret), 'msg_1', timestamp, '{"a":1}'),
    ...changes,
  })

test('the signature is that of Standard Webhooks', () => {
  const mac = createHmac('sha256', '0123456789abcdef01234567').update('msg_1.1700000000.{"a":1}').digest('base64')
  expect(headers().get('webhook-signature')).toBe(`v1,${mac}`)
  expect(verifyWebhook({ secret, headers: headers(), body: '{"a":1}', nowMs })).toBe(true)
  const both = headers({ 'webhook-signature': `v1,bm9uZQ== ${headers().get('webhook-signature')}` })
  expect(verifyWebhook({ secret, headers: both, body: '{"a":1}', nowMs })).toBe(true)
})

test.each([
  ['another body', {}, '{"a":2}', nowMs],
  ['another id', { 'webhook-id': 'msg_2' }, '{"a":1}', nowMs],
  ['another time', { 'webhook-timestamp': '1700000001' }, '{"a":1}', nowMs],
  ['too old', {}, '{"a":1}', nowMs + 301_000],
  ['from the future', {}, '{"a":1}', nowMs - 301_000],
  ['no signature', { 'webhook-signature': '' }, '{"a":1}', nowMs],
] as const)('%s is refused', (_, changes, body, at) => {
  expect(verifyWebhook({ secret, headers: headers(changes), body, nowMs: at })).toBe(false)
})

test('whatever comes in is refused and never throws', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (id, time, signature, body) => {
      const get = (name: string) =>
        ({ 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature })[name] ?? null
      expect(verifyWebhook({ secret, headers: { get }, body })).toBe(false)
    }),
  )
})

test('a short secret is refused', () => {
  for (const text of ['', 'short', 'whsec_c2hvcnQ=']) expect(() => readSecret(text)).toThrow('at least 24 bytes')
})
