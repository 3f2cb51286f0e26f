import { type CredentialHeader, PAYMENT_AUTHORIZATION } from '../../wire/challenge.ts'
import { isGrpc } from '../../wire/grpc.ts'
import { isL402Credential, isL402Metadata, L402_METADATA, L402_TOKEN_METADATA } from '../../wire/l402/header.ts'

const CREDENTIAL_HEADERS: readonly string[] = [PAYMENT_AUTHORIZATION, ...L402_METADATA]

/** Headers of a request that are between buyer and seller, and nobody's behind them. */
export const credentialHeaders = (headers: Headers): readonly string[] =>
  tokenOf(headers) === undefined ? CREDENTIAL_HEADERS : [...CREDENTIAL_HEADERS, L402_TOKEN_METADATA]

/** A service may have a `token` of its own: ours is in calls of gRPC alone, and looks like one. */
function tokenOf(headers: Headers): string | undefined {
  const token = headers.get(L402_TOKEN_METADATA)
  return token !== null && isL402Metadata(token) && isGrpc(headers.get('content-type')) ? token : undefined
}

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
  const text = tokenOf(headers)
  return text === undefined ? undefined : { kind: 'l402-metadata', text }
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
