import { type CredentialHeader, PAYMENT_AUTHORIZATION } from '../../wire/challenge.ts'
import { isL402Credential, L402_METADATA } from '../../wire/l402/header.ts'

/** Headers that are between buyer and seller, and nobody's behind them. */
export const CREDENTIAL_HEADERS = [PAYMENT_AUTHORIZATION, ...L402_METADATA] as const

/** What a request shows for its payment, and how it is written. */
export type Shown =
  | { readonly kind: 'payment' | 'l402'; readonly text: string }
  /** As gRPC clients send a token: in hex, in a header of its own. */
  | { readonly kind: 'l402-metadata'; readonly text: string }

const isPayment = (text: string): boolean => /^\s*payment\s/i.test(text)

/**
 * `undefined` for a request that shows nothing: an `Authorization` of another kind is the service's own.
 * @param l402 whether L402 tokens are looked for
 */
export function shownBy({ headers }: Request, l402 = true): Shown | undefined {
  for (const name of ['authorization', PAYMENT_AUTHORIZATION]) {
    const text = headers.get(name)
    if (text === null) continue
    if (isPayment(text)) return { kind: 'payment', text }
    if (l402 && isL402Credential(text)) return { kind: 'l402', text }
  }
  if (!l402) return undefined
  for (const name of L402_METADATA) {
    const text = headers.get(name)
    if (text !== null) return { kind: 'l402-metadata', text }
  }
  return undefined
}

/**
 * Where the challenges of a 402 ask for the credential. By default where the request leaves room for it: an `Authorization` that is no payment is for
 * somebody else, and would be lost if the credential took its place.
 */
export function askedHeader({ headers }: Request, configured: CredentialHeader | undefined): CredentialHeader {
  if (configured !== undefined) return configured
  const own = headers.get('authorization')
  return own === null || isPayment(own) || isL402Credential(own) ? 'Authorization' : PAYMENT_AUTHORIZATION
}
