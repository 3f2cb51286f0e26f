import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { StreamError } from '../../errors/error.ts'

const LEAST_BYTES = 24
const TOLERANCE_SECONDS = 300
const MAX_SIGNATURES = 10

/**
 * A secret as Standard Webhooks writes it, `whsec_` and base64, or any other text as its bytes.
 * @throws StreamError `option-invalid` for fewer than 24 bytes
 */
export function readSecret(text: string): Uint8Array {
  const trimmed = text.trim()
  const bytes = trimmed.startsWith('whsec_') ? Buffer.from(trimmed.slice(6), 'base64') : Buffer.from(trimmed)
  if (bytes.length < LEAST_BYTES) {
    throw new StreamError(
      'option-invalid',
      `a webhook's secret has at least ${LEAST_BYTES} bytes, this one has ${bytes.length}`,
    )
  }
  return bytes
}

/** @throws StreamError `option-invalid`; the system's error for the file */
export const readSecretFile = (file: string): Uint8Array => readSecret(readFileSync(file, 'utf8'))

/** The value of `webhook-signature`: HMAC-SHA256 over id, timestamp and body, joined by dots. */
export const sign = (secret: Uint8Array, id: string, timestamp: string, body: string): string =>
  `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`

/**
 * Whether a webhook was sent by who has the secret, within five minutes of now. `body` is the text as it came, before it is parsed. It says
 * nothing about whether it came before: remember `webhook-id` for that.
 * @example if (!verifyWebhook({ secret: 'whsec_…', headers: request.headers, body: await request.text() })) return new Response('', { status: 401 })
 * @throws StreamError `option-invalid` for a secret that is none
 */
export function verifyWebhook({
  secret,
  headers,
  body,
  nowMs = Date.now(),
}: {
  readonly secret: string | Uint8Array
  readonly headers: Pick<Headers, 'get'>
  readonly body: string
  readonly nowMs?: number
}): boolean {
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  if (!id || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false
  const key = typeof secret === 'string' ? readSecret(secret) : secret
  const expected = Buffer.from(sign(key, id, timestamp, body))
  // Several while a secret is being replaced.
  const given = (headers.get('webhook-signature') ?? '').split(' ').slice(0, MAX_SIGNATURES)
  return given.some((text) => {
    const bytes = Buffer.from(text)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  })
}
