import { StreamError } from '../../errors/error.ts'
import type { NodeIdentity } from '../../lightning/node.ts'
import { readChallenges, type SchemeName } from '../../wire/challenges.ts'
import { fitsBody } from '../requests/bodyDigest.ts'
import { hasRoom } from '../requests/ownHeaders.ts'
import {
  checkPrepayment,
  type PrepaidLimits,
  type PrepaidOption,
  type Prepayment,
  readPrepayment,
} from './prepayment.ts'
import type { Token } from './token.ts'

const PAYABLE: readonly SchemeName[] = ['session', 'charge', 'l402']

/** What a 402 offers that can be paid first, the most wanted of `schemes` first. @param request that the credential has to go with */
export function offeredBy(
  refused: Response,
  schemes: readonly SchemeName[],
  request: RequestInit,
): readonly PrepaidOption[] {
  const { options } = readChallenges(refused.headers.get('www-authenticate') ?? '')
  const order = (scheme: SchemeName) => schemes.indexOf(scheme)
  return options
    .filter((option): option is PrepaidOption => PAYABLE.includes(option.scheme) && order(option.scheme) >= 0)
    .filter(({ challenge }) => hasRoom(request, challenge))
    .sort((a, b) => order(a.scheme) - order(b.scheme))
}

/** The most wanted option that is for this request, and within the limits. @throws StreamError what is wrong with the most wanted, if none is */
export async function choose(
  options: readonly PrepaidOption[],
  request: RequestInit,
  info: NodeIdentity,
  limits: PrepaidLimits,
): Promise<Prepayment> {
  const errors: unknown[] = []
  for (const option of options) {
    try {
      // A body that nobody here can read is sent once more as it was.
      const fits = (await fitsBody(option.challenge, request)) !== false
      if (!fits) throw new StreamError('seller-failed', 'the seller offers a challenge for another body')
      if (option.scheme === 'session' && !info.abilities.anyAmount) {
        throw new StreamError(
          'node-unable',
          'a session takes an invoice without an amount, which this node does not make',
        )
      }
      const prepayment = readPrepayment(option)
      checkPrepayment(prepayment, info, limits, Date.now())
      return prepayment
    } catch (error) {
      errors.push(error)
    }
  }
  throw errors[0]
}

/** Whether a token may be shown with a request: beside its headers, and for its body if it is bound to one. */
export async function isGoodFor({ challenge }: Token, request: RequestInit): Promise<boolean> {
  if (!hasRoom(request, challenge)) return false
  return !('digest' in challenge) || (await fitsBody(challenge, request)) === true
}

/** Options that ask for another payment than this one. */
export const otherThan = (paymentHash: string, options: readonly PrepaidOption[]): readonly PrepaidOption[] =>
  options.filter((option) => {
    try {
      return readPrepayment(option).invoice.paymentHash !== paymentHash
    } catch {
      return false
    }
  })
