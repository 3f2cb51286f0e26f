import { shownBy } from '../../seller/schemes/shown.ts'
import { type Challenge, INTENT, METHOD } from '../../wire/challenge.ts'
import { parseAnyCredential } from '../../wire/credential.ts'
import { decodeSessionPayload, SESSION_INTENT } from '../../wire/mpp/session.ts'
import { decodeOffer } from '../../wire/offer.ts'
import { decodePayload } from '../../wire/payload.ts'

/** What a credential is for, by what it says itself: nobody has checked that yet. */
export type Purpose =
  /** To use what is sold: the request is the one that chose its route. */
  | { readonly kind: 'use' }
  /** Something about an agreement of a scope. */
  | { readonly kind: 'scope'; readonly scope: string }
  /** Something about a session. Its challenge names no scope. */
  | { readonly kind: 'session'; readonly sessionId: string; readonly challenge: Challenge }

const USE: Purpose = { kind: 'use' }

/** The purpose of a request's credential; `undefined` for a request without one, or with one that cannot be read. */
export function purposeOf(request: Request): Purpose | undefined {
  const shown = shownBy(request)
  if (!shown) return undefined
  if (shown.kind !== 'payment') return USE
  try {
    const { challenge, payload } = parseAnyCredential(shown.text)
    if (challenge.method !== METHOD) return undefined
    if (challenge.intent === INTENT) {
      const { action } = decodePayload(payload)
      return action === 'use' ? USE : { kind: 'scope', scope: decodeOffer(challenge.request).scope }
    }
    if (challenge.intent !== SESSION_INTENT) return USE
    const action = decodeSessionPayload(payload)
    if (action.action === 'open' || action.action === 'bearer') return USE
    return { kind: 'session', sessionId: action.sessionId, challenge }
  } catch {
    return undefined
  }
}
