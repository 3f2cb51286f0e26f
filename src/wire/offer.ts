import type { Offer } from '../terms/terms.ts'
import { decodeJson } from './encoding.ts'
import { Fields } from './fields.ts'
import { decodeTerms, encodeTerms, type TermsJson } from './terms.ts'

/** Rounds of haggling that an offer may count. A seller stops far earlier; this only bounds what is read. */
const MAX_ROUND = 99
/** Printable, without spaces: a scope names a resource, as a path does. */
export const SCOPE = /^[!-~]+$/
export const MAX_SCOPE = 256

export interface MethodDetailsJson {
  readonly network: string
  readonly payee: string
}

/** What the `request` parameter of a challenge decodes to (spec section 2). */
export interface OfferJson extends TermsJson {
  readonly scope: string
  readonly negotiable: boolean
  readonly round: number
  readonly methodDetails: MethodDetailsJson
}

/** An offer as JSON. `encodeJson(encodeOffer(offer))` is the `request` parameter. */
export const encodeOffer = (offer: Offer): OfferJson => ({
  ...encodeTerms(offer),
  scope: offer.scope,
  negotiable: offer.negotiable,
  round: offer.round,
  methodDetails: { network: offer.network, payee: offer.payee },
})

/**
 * Reads the `request` parameter of a challenge (spec section 2). Unknown members are ignored.
 * @throws StreamError `challenge-malformed`, naming the member
 * @example decodeOffer(challenge.request).price
 */
export function decodeOffer(request: string): Offer {
  const fields = new Fields(decodeJson(request, 'challenge-malformed'), 'challenge-malformed')
  const details = fields.object('methodDetails')
  return {
    ...decodeTerms(fields),
    network: details.network('network'),
    payee: details.publicKey('payee'),
    scope: fields.string('scope', MAX_SCOPE, SCOPE),
    negotiable: fields.boolean('negotiable'),
    round: fields.integer('round', MAX_ROUND),
  }
}
