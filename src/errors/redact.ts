const REDACTED = '[redacted]'

/**
 * What may open something, wherever it stands in a text: credentials, keys, macaroons, and 32 bytes in hex, as agreements'
 * secrets are. A public key (33 bytes) and a signature (65) are longer or written otherwise.
 */
const SECRETS: ReadonlyArray<readonly [RegExp, string]> = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*-----|$)/g, REDACTED],
  // a header line, or a member of an object
  [/\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)[^\r\n"']+/gi, `$1${REDACTED}`],
  [/\b(Payment|Bearer|Basic|L402|LSAT)\s+[\w+/=.~-]{20,}/g, `$1 ${REDACTED}`],
  // base64url of JSON: a credential without its scheme
  [/\beyJ[\w-]{60,}={0,2}/g, REDACTED],
  // a macaroon of version 2 or 1, and anything in hex that is as long as one
  [/\b(?:AgE|MDA)[\w+/-]{60,}={0,2}/g, REDACTED],
  [/(?<![\da-fA-F])(?:[\da-fA-F]{2}){70,}(?![\da-fA-F])/g, REDACTED],
  // a wallet connection: who has it spends
  [/\bnostr\+?walletconnect:[^\s"'<>]*/gi, REDACTED],
  [/\b(secret=)[\w%.~-]{16,}/gi, `$1${REDACTED}`],
  [/\bnsec1[a-z0-9]{20,}/gi, REDACTED],
  // name and password of a URL
  [/\/\/[^\s/?#"']*@/g, `//${REDACTED}@`],
]
const HEX_32 = /(?<![\da-fA-F])[\da-fA-F]{64}(?![\da-fA-F])/g

/**
 * A text without what may be a secret, so that it can be shown and logged.
 * @param known what looks like a secret and is none, such as a payment hash
 * @example redact('no answer to Payment eyJjaGFsbGVuZ2UiOnt9LCJwYXlsb2FkIjp7fX0') === 'no answer to Payment [redacted]'
 */
export function redact(text: string, known: readonly string[] = []): string {
  const plain = SECRETS.reduce((so, [pattern, put]) => so.replace(pattern, put), text)
  return plain.replace(HEX_32, (hex) => (known.includes(hex) ? hex : REDACTED))
}

/** Causes of causes that are kept. */
const MAX_DEPTH = 4

/** A cause that can be printed, stack and all: itself, unless something in it has to go. */
export function redactCause(cause: unknown, known: readonly string[], depth = 0): unknown {
  if (typeof cause === 'string') return redact(cause, known)
  if (!(cause instanceof Error)) return cause
  const message = redact(cause.message, known)
  const stack = cause.stack === undefined ? undefined : redact(cause.stack, known)
  const inner = depth < MAX_DEPTH ? redactCause(cause.cause, known, depth + 1) : undefined
  if (message === cause.message && stack === cause.stack && inner === cause.cause) return cause
  const copy = Object.assign(new Error(message, inner === undefined ? {} : { cause: inner }), { name: cause.name })
  if (stack !== undefined) copy.stack = stack
  return 'code' in cause ? Object.assign(copy, { code: cause.code }) : copy
}
