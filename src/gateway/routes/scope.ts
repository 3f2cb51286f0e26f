import { shownBy } from '../../seller/schemes/shown.ts'
import { parseCredential } from '../../wire/credential.ts'
import { decodeOffer } from '../../wire/offer.ts'

/** What a credential is for: whether it uses its agreement, and the scope that its challenge names, which nobody has checked yet. */
export interface Purpose {
  readonly use: boolean
  readonly scope: string
}

/** The purpose of a request's credential; `undefined` for a request without one, or with one that cannot be read. */
export function purposeOf(request: Request): Purpose | undefined {
  const shown = shownBy(request, false)
  if (!shown) return undefined
  try {
    const { challenge, payload } = parseCredential(shown.text)
    return { use: payload.action === 'use', scope: decodeOffer(challenge.request).scope }
  } catch {
    return undefined
  }
}
