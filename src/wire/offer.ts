import type { Offer } from '../terms/terms.ts'
import { decodeJson } from './encoding.ts'
import { Fields } from './fields.ts'
import { decodeTariff, encodeTariff, type TariffJson } from './tariff.ts'
import { decodeTerms, encodeTerms, type TermsJson } from './terms.ts'

/** Rounds of haggling that an offer may count. A seller stops far earlier; this only bounds what is read. */
const MAX_ROUND = 99
/** Printable, without spaces: a scope names a resource, as a path does. */
export const SCOPE = /^[!-~]+$/
export const MAX_SCOPE = 256

export interface MethodDetailsJson {
  readonly network: string
  readonly payee: string
  /** Absent where the closing statement will be signed. */
  readonly statements?: 'unsigned'
}

/** Who is paid, on which network, and whether the closing statement will be signed. */
type MethodDetails = Pick<Offer, 'network' | 'payee' | 'unsigned'>

export const encodeMethodDetails = ({ network, payee, unsigned }: MethodDetails): MethodDetailsJson => ({
  network,
  payee,
  ...(unsigned && { statements: 'unsigned' }),
})

export function decodeMethodDetails(fields: Fields): MethodDetails {
  const details = fields.object('methodDetails')
  return {
    network: details.network('network'),
    payee: details.publicKey('payee'),
    // A word that a later version may bring is not one to be passed over.
    ...(details.has('statements') && details.string('statements', 8, /^unsigned$/) && { unsigned: true as const }),
  }
}

/** What the `request` parameter of a challenge decodes to (spec section 2). */
export interface OfferJson extends TermsJson {
  readonly tariff?: TariffJson
  readonly scope: string
  readonly negotiable: boolean
  readonly round: number
  readonly methodDetails: MethodDetailsJson
}

/** An offer as JSON. `encodeJson(encodeOffer(offer))` is the `request` parameter. */
export const encodeOffer = (offer: Offer): OfferJson => ({
  ...encodeTerms(offer),
  ...encodeTariff(offer.tariff),
  scope: offer.scope,
  negotiable: offer.negotiable,
  round: offer.round,
  methodDetails: encodeMethodDetails(offer),
})

/**
 * Reads the `request` parameter of a challenge (spec section 2). Unknown members are ignored.
 * @throws StreamError `challenge-malformed`, naming the member
 * @example decodeOffer(challenge.request).price
 */
export function decodeOffer(request: string): Offer {
  const fields = new Fields(decodeJson(request, 'challenge-malformed'), 'challenge-malformed')
  const terms = decodeTerms(fields)
  return {
    ...terms,
    ...decodeTariff(fields, terms.price),
    ...decodeMethodDetails(fields),
    scope: fields.string('scope', MAX_SCOPE, SCOPE),
    negotiable: fields.boolean('negotiable'),
    round: fields.integer('round', MAX_ROUND),
  }
}
