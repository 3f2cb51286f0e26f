import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { StreamError } from '../errors/error.ts'
import type { Offer } from '../terms/terms.ts'
import { encodeBase64url, encodeJson, MAX_ENCODED, sameText, utf8 } from './encoding.ts'
import { encodeOffer } from './offer.ts'
import { formatTime, parseTime } from './time.ts'

export const METHOD = 'lightning'
export const INTENT = 'stream'

/** Takes the place of `Authorization` where what is sold has a use for that itself (draft-httpauth-payment-02, `header`). */
export const PAYMENT_AUTHORIZATION = 'Payment-Authorization'
/** Where a credential may be asked for. */
export const AUTHORIZATION_HEADERS = ['Authorization', PAYMENT_AUTHORIZATION] as const
export type CredentialHeader = (typeof AUTHORIZATION_HEADERS)[number]

/** The parameters of a `Payment` challenge (draft-httpauth-payment, "Challenge"), as they stand on the wire. */
export interface Challenge {
  readonly id: string
  readonly realm: string
  readonly method: string
  readonly intent: string
  /** base64url without padding of canonical JSON. For `intent="stream"`, `decodeOffer` reads it. */
  readonly request: string
  /** RFC 3339. */
  readonly expires?: string
  readonly digest?: string
  readonly opaque?: string
  /** The header that the credential is to be sent in, where `Authorization` is taken (draft-httpauth-payment-02). */
  readonly header?: string
  /** For people. Not bound by `id`, so never to be relied on. */
  readonly description?: string
}

interface Bounds {
  /** Kept on the seller's machines only, at least 32 bytes. Whoever has it can forge offers. */
  readonly secret: Uint8Array
  /** Protection space, such as the host: printable ASCII without `|`, quotes and backslash. */
  readonly realm: string
  /** Until when the offer stands, in ms since 1970. */
  readonly expiresAtMs: number
  /** For people: at most 256 characters. None by default. */
  readonly description?: string
  /** `Payment-Authorization` where the credential is not to go into `Authorization`, which is the default. */
  readonly header?: string
}

export interface ChallengeOptions extends Bounds {
  /** What is offered: it is the challenge's `request`. */
  readonly offer: Offer
}

export interface IntentOptions extends Bounds {
  /** Such as `charge` or `session`. */
  readonly intent: string
  /** What the `request` parameter holds: `encodeOffer`, `encodeChargeRequest`, `encodeSessionRequest`. */
  readonly request: object
  /** Of the one body that it is for (`bodyDigest`). For any by default. */
  readonly digest?: string
}

// `|` separates the slots of the HMAC and is not escaped there: a realm with one could pass as two slots
const REALM = /^[ !#-[\]-{}~]{1,128}$/
const MAX_DESCRIPTION = 256

/**
 * The challenge id: HMAC-SHA256 over seven slots joined by `|`, an absent one empty, `description` left out, and an eighth for
 * `header` only where that is present (draft-httpauth-payment, "Challenge Binding"; -02).
 */
export function challengeId(secret: Uint8Array, challenge: Omit<Challenge, 'id'>): string {
  const { realm, method, intent, request, expires = '', digest = '', opaque = '', header } = challenge
  const slots = [realm, method, intent, request, expires, digest, opaque, ...(header === undefined ? [] : [header])]
  return encodeBase64url(hmac(sha256, secret, utf8(slots.join('|'))))
}

/**
 * Makes the challenge of a 402: no invoice, no write, no call to a node (spec section 2).
 * @throws StreamError `option-invalid` for a short secret, a realm that cannot be bound, or an offer too long for a header
 * @example createChallenge({ secret, realm: 'api.example.com', offer, expiresAtMs: Date.now() + 300_000 })
 */
export const createChallenge = ({ offer, ...bounds }: ChallengeOptions): Challenge =>
  createIntentChallenge({ ...bounds, intent: INTENT, request: encodeOffer(offer) })

/**
 * Makes a challenge of any intent of `method="lightning"`.
 * @throws StreamError `option-invalid` for a short secret, a realm that cannot be bound, or a request too long for a header
 * @example createIntentChallenge({ secret, realm, intent: 'charge', request: encodeChargeRequest(request), expiresAtMs })
 */
export function createIntentChallenge(options: IntentOptions): Challenge {
  const { secret, realm, intent, expiresAtMs, description, digest, header } = options
  if (secret.length < 32) throw new StreamError('option-invalid', 'the challenge secret has fewer than 32 bytes')
  if (!REALM.test(realm)) {
    throw new StreamError('option-invalid', 'a realm is 1 to 128 printable ASCII characters without |, " and \\')
  }
  const request = encodeJson(options.request)
  if (request.length > MAX_ENCODED / 2) throw new StreamError('option-invalid', 'the offer is too long for a header')
  const expires = formatTime(expiresAtMs)
  const bound = {
    realm,
    method: METHOD,
    intent,
    request,
    expires,
    ...(digest !== undefined && { digest }),
    ...(header !== undefined && { header }),
  }
  const id = challengeId(secret, bound)
  return description === undefined
    ? { id, ...bound }
    : { id, ...bound, description: description.slice(0, MAX_DESCRIPTION) }
}

/**
 * Whether the seller that holds `secret` made this challenge, unaltered but for its description. Constant time in the id. An echo without `header` is
 * of a client that is older than that: what it leaves out says where a credential goes, and nothing of what it is good for.
 */
export function verifyChallenge(secret: Uint8Array, echoed: Challenge): boolean {
  if (sameText(echoed.id, challengeId(secret, echoed))) return true
  return (
    echoed.header === undefined &&
    sameText(echoed.id, challengeId(secret, { ...echoed, header: PAYMENT_AUTHORIZATION }))
  )
}

/** The header that the credential for a challenge goes into. */
export const headerFor = ({ header }: Pick<Challenge, 'header'>): CredentialHeader =>
  header?.toLowerCase() === PAYMENT_AUTHORIZATION.toLowerCase() ? PAYMENT_AUTHORIZATION : 'Authorization'

/** Whether a challenge is past its `expires`, or has one that cannot be read. Without one it never expires. */
export function isExpired(challenge: Challenge, nowMs: number): boolean {
  if (challenge.expires === undefined) return false
  const expiresAtMs = parseTime(challenge.expires)
  return expiresAtMs === undefined || nowMs >= expiresAtMs
}
