import { base64urlnopad } from '@scure/base'
import canonicalize from 'canonicalize'
import type { ErrorCode } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'

/** The longest encoded JSON that is read, in characters: what the `Payment` scheme asks of a challenge ("Size Considerations"). */
export const MAX_ENCODED = 8192

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Reads UTF-8; `undefined` for bytes that are not. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Canonical JSON (RFC 8785).
 * @throws StreamError `internal` for what JSON cannot hold, such as a bigint, a lone surrogate or a cycle
 * @example jcs({ b: 1, a: '€' }) === '{"a":"€","b":1}'
 */
export function jcs(value: unknown): string {
  try {
    const text = canonicalize(value)
    if (text !== undefined) return text
  } catch (error) {
    throw new StreamError('internal', 'a value cannot be written as canonical JSON', {}, error)
  }
  throw new StreamError('internal', 'undefined cannot be written as canonical JSON')
}

export const encodeBase64url = (bytes: Uint8Array): string => base64urlnopad.encode(bytes)

/** Strict: `undefined` for padding, any character outside the alphabet, or stray bits at the end. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  try {
    return base64urlnopad.decode(text)
  } catch {
    return undefined
  }
}

/** Canonical JSON, UTF-8, base64url without padding: how JSON travels inside parameters and headers. */
export const encodeJson = (value: unknown): string => encodeBase64url(utf8(jcs(value)))

/**
 * Reads what `encodeJson` writes, canonical or not.
 * @param code what a text that cannot be read is called: `challenge-malformed`, `credential-malformed`, …
 * @throws StreamError with that code
 */
export function decodeJson(text: string, code: ErrorCode, maxLength: number = MAX_ENCODED): unknown {
  if (text.length > maxLength) throw new StreamError(code, `longer than ${maxLength} characters`)
  const bytes = decodeBase64url(text)
  if (!bytes || bytes.length === 0) throw new StreamError(code, 'not base64url without padding')
  const json = fromUtf8(bytes)
  if (json === undefined) throw new StreamError(code, 'not UTF-8')
  try {
    return JSON.parse(json)
  } catch {
    throw new StreamError(code, 'not JSON')
  }
}

/** Reads JSON whose base64url may be padded: the drafts of `charge` and `session` have readers accept both. @throws StreamError with that code */
export const decodePaddedJson = (text: string, code: ErrorCode): unknown =>
  decodeJson(text.replace(/={1,2}$/, ''), code)

/** Whether two byte strings are equal, in a time that does not tell where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= (a[i] ?? 0) ^ b[i]!
  return difference === 0
}

/** Whether a text from outside is the secret one, in a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= (a.charCodeAt(i) || 0) ^ b.charCodeAt(i)
  return difference === 0
}
