import { bytesToHex } from '@noble/hashes/utils.js'
import type { JournalAgreement, NewAgreement } from '../../ledger/journal.ts'
import { type Msat, msat } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { formatAnyCredential } from '../../wire/credential.ts'
import { Fields } from '../../wire/fields.ts'
import { formatL402Credential, type L402Challenge } from '../../wire/l402/header.ts'
import { headerBeside } from '../requests/ownHeaders.ts'
import type { PrepaidScheme, Prepayment } from './prepayment.ts'

/**
 * What was prepaid, as it lies in the journal where agreements do: that file is for its owner alone, and knows what was paid on it.
 * The preimage, which makes it good, stands with the payment.
 */
export interface Token {
  /** The buyer's own: 32 hex digits. */
  readonly id: string
  readonly scheme: PrepaidScheme
  readonly url: string
  readonly method: string
  readonly challenge: Challenge | L402Challenge
  readonly paymentHash: string
  /** BOLT 11. */
  readonly invoice: string
  readonly amount: Msat
  /** Of a session: where the seller pays the rest, BOLT 11. It stands among the returns before the seller hears of it. */
  readonly returnInvoice?: string
  /** Of a further deposit: payment hash of the session it is for. */
  readonly sessionId?: string
}

export const newToken = (
  { scheme, challenge, invoice, amount }: Prepayment,
  place: { readonly url: string; readonly method: string },
  more: Pick<Token, 'sessionId'> = {},
): Token => ({
  id: bytesToHex(crypto.getRandomValues(new Uint8Array(16))),
  scheme,
  ...place,
  challenge,
  paymentHash: invoice.paymentHash,
  invoice: invoice.request,
  amount,
  ...more,
})

export const rowOf = ({ id, url, method, challenge, ...token }: Token): NewAgreement => ({
  id,
  secret: '',
  url,
  method,
  challenge: JSON.stringify(challenge),
  agreement: JSON.stringify({ ...token, amount: `${token.amount}` }),
  createdAtMs: Date.now(),
})

/** `undefined` for the row of an agreement, and for one that another version wrote. */
export function tokenOf({ id, url, method, challenge, agreement, returns }: JournalAgreement): Token | undefined {
  try {
    const fields = new Fields(JSON.parse(agreement), 'ledger-failed')
    // Version 0.1 wrote it with the token.
    const returnInvoice = returns.at(-1)?.invoice ?? fields.optionalString('returnInvoice', 4096)
    return {
      id,
      scheme: fields.string('scheme', 8, /^(session|charge|l402)$/) as PrepaidScheme,
      url,
      method,
      challenge: JSON.parse(challenge) as Token['challenge'],
      paymentHash: fields.hex('paymentHash', 64),
      invoice: fields.string('invoice', 4096),
      amount: msat(fields.amount('amount')),
      ...(returnInvoice !== undefined && { returnInvoice }),
      ...(fields.has('sessionId') && { sessionId: fields.hex('sessionId', 64) }),
    }
  } catch {
    return undefined
  }
}

/**
 * What became of a token so far is noted where agreements have what was received: that it was answered with something else than a 402, and that it was
 * paid for and refused. Bits of one number, since what was received never moves back.
 */
const ANSWERED = 1n
const REFUSED = 2n
type Noted = Pick<JournalAgreement, 'receivedSteps'>
export const wasAnswered = ({ receivedSteps }: Noted): boolean => (receivedSteps & ANSWERED) !== 0n
export const wasRefused = ({ receivedSteps }: Noted): boolean => (receivedSteps & REFUSED) !== 0n
export const noted = (answered: boolean, refused: boolean): bigint =>
  (answered ? ANSWERED : 0n) | (refused ? REFUSED : 0n)

/** The header that shows a token, its name and value, beside others of a request. */
export function credentialOf(
  { challenge }: Pick<Token, 'challenge'>,
  payload: object,
  preimage: string,
  headers: Headers,
): [string, string] {
  if ('token' in challenge) return ['authorization', formatL402Credential(challenge.token, preimage)]
  const value = formatAnyCredential({ challenge, payload: payload as Record<string, unknown> })
  return [headerBeside(headers, challenge), value]
}
