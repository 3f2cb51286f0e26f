import { StreamError } from '../errors/error.ts'
import { type Challenge, INTENT, METHOD } from './challenge.ts'
import { decodeJson, encodeJson, MAX_ENCODED } from './encoding.ts'
import { Fields } from './fields.ts'
import { decodePayload, encodePayload, type Payload } from './payload.ts'

/** What an `Authorization: Payment` header carries (draft-httpauth-payment, "Credentials"; spec section 3). */
export interface Credential {
  /** As the buyer echoes it. Nothing in it is proven before `verifyChallenge`. */
  readonly challenge: Challenge
  readonly payload: Payload
}

/** A credential of any method and intent, its payload unread. */
export interface AnyCredential {
  readonly challenge: Challenge
  readonly source?: string
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * The whole value of an Authorization header.
 * @example headers.set('Authorization', formatCredential({ challenge, payload: { action: 'use', agreement, secret } }))
 */
export const formatCredential = ({ challenge, payload }: Credential): string =>
  `Payment ${encodeJson({ challenge, payload: encodePayload(payload) })}`

/** The whole value of the header for a payload of any intent, as it stands on the wire. */
export const formatAnyCredential = ({ challenge, source, payload }: AnyCredential): string =>
  `Payment ${encodeJson({ challenge, ...(source !== undefined && { source }), payload })}`

/**
 * Reads the value of an Authorization header for any `Payment` method and intent. Padding is passed over, as the drafts of `charge`
 * and `session` ask; `stream` has none.
 * @throws StreamError `credential-malformed`, or `credential-duplicate` for more than one credential
 */
export function parseAnyCredential(header: string): AnyCredential {
  const malformed = (detail: string) => new StreamError('credential-malformed', detail)
  if (header.length > MAX_ENCODED + 64) throw malformed(`longer than ${MAX_ENCODED} characters`)
  if (header.split(',').filter((part) => /^\s*payment\s/i.test(part)).length > 1) {
    throw new StreamError('credential-duplicate', 'the Authorization header holds more than one Payment credential')
  }
  const token = /^payment +([\w-]+)={0,2}$/i.exec(header.trim())?.[1]
  if (token === undefined) throw malformed('not `Payment` followed by base64url without padding')
  const fields = new Fields(decodeJson(token, 'credential-malformed'), 'credential-malformed')
  const source = fields.optionalString('source', 512)
  return {
    challenge: decodeChallenge(fields.object('challenge')),
    ...(source === undefined ? {} : { source }),
    payload: fields.object('payload').record,
  }
}

/**
 * Reads the value of an Authorization header for `method="lightning"`, `intent="stream"` (spec section 3).
 * @throws StreamError `credential-malformed`, `credential-duplicate`, or `method-unsupported` for other methods and intents
 * @example const { challenge, payload } = parseCredential(request.headers.get('authorization') ?? '')
 */
export function parseCredential(header: string): Credential {
  if (/=\s*$/.test(header)) throw new StreamError('credential-malformed', 'padded base64url')
  const { challenge, payload } = parseAnyCredential(header)
  if (challenge.method !== METHOD || challenge.intent !== INTENT) {
    throw new StreamError('method-unsupported', `only method="${METHOD}" with intent="${INTENT}" is served here`)
  }
  return { challenge, payload: decodePayload(payload) }
}

/** Echoed parameters. All are strings on the wire; what they hold is for `verifyChallenge` to judge. */
function decodeChallenge(fields: Fields): Challenge {
  const optional = (['expires', 'digest', 'opaque', 'header', 'description'] as const).flatMap((name) => {
    const value = fields.optionalString(name, MAX_ENCODED)
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    id: fields.string('id', 128, /./),
    realm: fields.string('realm', 256),
    method: fields.string('method', 64),
    intent: fields.string('intent', 64),
    request: fields.string('request', MAX_ENCODED),
    ...Object.fromEntries(optional),
  }
}
