import { StreamError, toStreamError } from '../errors/error.ts'
import type { Offer } from '../terms/terms.ts'
import { type Challenge, INTENT, METHOD } from './challenge.ts'
import { toChallenge } from './header.ts'
import { type L402Challenge, toL402 } from './l402/header.ts'
import { CHARGE_INTENT, type ChargeRequest, decodeChargeRequest } from './mpp/charge.ts'
import { decodeSessionRequest, SESSION_INTENT, type SessionRequest } from './mpp/session.ts'
import { decodeOffer } from './offer.ts'
import { type Scheme, schemesOf } from './schemes.ts'

/** Ways to pay, by what is at risk, the least first: `docs/schemes.md`. */
export const SCHEME_NAMES = ['stream', 'session', 'charge', 'l402'] as const
export type SchemeName = (typeof SCHEME_NAMES)[number]

/** One way to pay that a 402 offers. */
export type PaymentOption =
  | { readonly scheme: 'stream'; readonly challenge: Challenge; readonly offer: Offer }
  | { readonly scheme: 'session'; readonly challenge: Challenge; readonly request: SessionRequest }
  | { readonly scheme: 'charge'; readonly challenge: Challenge; readonly request: ChargeRequest }
  | { readonly scheme: 'l402'; readonly challenge: L402Challenge }

export interface PaymentOptions {
  /** In the order of the header. L402 and LSAT that say the same come once. */
  readonly options: readonly PaymentOption[]
  /** What was there and cannot be used, and why: written by the server in part, so escaped before it is shown. */
  readonly skipped: ReadonlyArray<{ readonly scheme: string; readonly reason: string }>
}

/**
 * Every way to pay that a 402 offers, on separate lines or joined. What cannot be read, and methods and intents that Stream does not speak, are named and
 * skipped. Nothing is decided here: invoices are unread.
 * @throws StreamError `challenge-malformed` for a header beyond bounds
 * @example const { options } = readChallenges(response.headers.get('www-authenticate') ?? '')
 */
export function readChallenges(header: string | readonly string[]): PaymentOptions {
  const options: PaymentOption[] = []
  const skipped: Array<{ scheme: string; reason: string }> = []
  for (const found of schemesOf(header, ['payment', 'l402', 'lsat'])) {
    const read = found.scheme === 'payment' ? readPayment(found) : readToken(found)
    if ('reason' in read) skipped.push(read)
    else if (!options.some((option) => isSame(option, read))) options.push(read)
  }
  return { options, skipped }
}

type Skipped = PaymentOptions['skipped'][number]

function readToken(found: Scheme): PaymentOption | Skipped {
  const challenge = toL402(found)
  return typeof challenge === 'string' ? { scheme: 'l402', reason: challenge } : { scheme: 'l402', challenge }
}

function readPayment(found: Scheme): PaymentOption | Skipped {
  const challenge = toChallenge(found)
  if (typeof challenge === 'string') return { scheme: 'Payment', reason: challenge }
  const { method, intent, request } = challenge
  try {
    if (method === METHOD) {
      if (intent === INTENT) return { scheme: 'stream', challenge, offer: decodeOffer(request) }
      if (intent === SESSION_INTENT) return { scheme: 'session', challenge, request: decodeSessionRequest(request) }
      if (intent === CHARGE_INTENT) return { scheme: 'charge', challenge, request: decodeChargeRequest(request) }
    }
    throw new StreamError('method-unsupported', 'a method or intent that is not spoken here')
  } catch (error) {
    return { scheme: `${method}/${intent}`.slice(0, 80), reason: toStreamError(error).message }
  }
}

const isSame = (a: PaymentOption, b: PaymentOption): boolean =>
  a.scheme === 'l402' &&
  b.scheme === 'l402' &&
  a.challenge.token === b.challenge.token &&
  a.challenge.invoice === b.challenge.invoice
