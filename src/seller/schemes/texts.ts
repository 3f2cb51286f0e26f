import { hexToBytes } from '@noble/hashes/utils.js'
import { stepsFor } from '../../money/price.ts'
import { type CredentialHeader, createIntentChallenge, PAYMENT_AUTHORIZATION } from '../../wire/challenge.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { formatChallenge } from '../../wire/header.ts'
import { formatCaveats } from '../../wire/l402/caveats.ts'
import { formatL402 } from '../../wire/l402/header.ts'
import { encodeIdentifier, formatMacaroon, mintMacaroon } from '../../wire/l402/macaroon.ts'
import { CHARGE_INTENT, encodeChargeRequest } from '../../wire/mpp/charge.ts'
import { encodeSessionRequest, SESSION_INTENT } from '../../wire/mpp/session.ts'
import type { Seller } from '../seller.ts'
import type { InvoiceOffer } from './offers.ts'

/** What the caveats of our tokens call a scope. */
export const serviceOf = (scope: string): string =>
  scope
    .replace(/[^\w.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64) || 'stream'

/** Caveats of a token as it is made: whatever follows was added by whoever holds it. */
export const OWN_CAVEATS = 3

/** What stands in the challenges of one 402 besides what is asked for. */
export interface Wording {
  readonly description: string | undefined
  /** Where the credential is asked for. L402 has no word for it. */
  readonly header: CredentialHeader
}

const boundsOf = ({ secret, realm }: Seller, { expiresAtMs }: InvoiceOffer, { description, header }: Wording) => ({
  secret,
  realm,
  expiresAtMs,
  ...(description && { description }),
  ...(header === PAYMENT_AUTHORIZATION && { header }),
})

/** The challenge of a charge. @param digest of the one body that it is for */
export function chargeText(seller: Seller, offer: InvoiceOffer, wording: Wording, digest?: string): string {
  const { account, quote, invoice, paymentHash } = offer
  const { network } = account.agreement
  const request = encodeChargeRequest({ amount: quote.allowance, invoice, paymentHash, network })
  const bounds = boundsOf(seller, offer, wording)
  return formatChallenge(
    createIntentChallenge({ ...bounds, intent: CHARGE_INTENT, request, ...(digest !== undefined && { digest }) }),
  )
}

/** How each scheme offers one invoice, as WWW-Authenticate has it. All name the same payment hash, which is used under one of them. */
export function textsOf(
  seller: Seller,
  offer: InvoiceOffer,
  wording: Wording,
): Readonly<Record<Exclude<SchemeName, 'stream'>, string>> {
  const { account, quote, invoice, paymentHash } = offer
  const { allowance, unitAmount, unitType } = quote
  const session = encodeSessionRequest({
    amount: unitAmount,
    unitType,
    depositInvoice: invoice,
    paymentHash,
    deposit: allowance,
    idleTimeoutS: Math.floor(seller.sessions.idleMs / 1000),
  })
  return {
    charge: chargeText(seller, offer, wording),
    session: formatChallenge(
      createIntentChallenge({ ...boundsOf(seller, offer, wording), intent: SESSION_INTENT, request: session }),
    ),
    l402: formatL402({ token: tokenOf(seller, paymentHash, account.agreement, quote), invoice }).join(', '),
  }
}

function tokenOf(
  { keys, realm }: Seller,
  paymentHash: string,
  { scope, price, expiresAtMs }: InvoiceOffer['account']['agreement'],
  { allowance }: InvoiceOffer['quote'],
): string {
  const tokenId = keys.current.tokenKey(`id|${paymentHash}`)
  const caveats = formatCaveats(serviceOf(scope), {
    validUntilMs: expiresAtMs,
    allowance: { steps: stepsFor(price, allowance) ?? 0n, unit: price.unit },
  })
  const key = hexToBytes(keys.current.tokenKey(paymentHash))
  return formatMacaroon(mintMacaroon(key, encodeIdentifier({ paymentHash, tokenId }), realm, caveats))
}
