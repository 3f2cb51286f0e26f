import type { ErrorCode } from '../../errors/codes.ts'
import type { StreamError } from '../../errors/error.ts'
import { type Problem, SCHEME_BASE, toProblem } from '../problem.ts'

/** Types that the drafts of `charge` and `session` name besides those of the scheme. */
const TYPES: Readonly<Partial<Record<ErrorCode, { readonly charge: string; readonly session: string }>>> = {
  'credential-malformed': { charge: 'malformed-credential', session: 'malformed-credential' },
  'challenge-invalid': { charge: 'unknown-challenge', session: 'unknown-challenge' },
  'preimage-invalid': { charge: 'invalid-preimage', session: 'invalid-preimage' },
  'offer-expired': { charge: 'expired-invoice', session: 'challenge-expired' },
  'session-unknown': { charge: 'unknown-challenge', session: 'session-not-found' },
  'session-closed': { charge: 'unknown-challenge', session: 'session-closed' },
  'payment-insufficient': { charge: 'invalid-preimage', session: 'insufficient-balance' },
  'return-invalid': { charge: 'malformed-credential', session: 'invalid-return-invoice' },
}

/** The body of an answer that refuses a `charge` or `session` credential: with the draft's own type where it has one, and then 402, as it demands. */
export function lightningProblem(error: StreamError, intent: 'charge' | 'session'): Problem {
  const type = TYPES[error.code]?.[intent]
  return type === undefined
    ? toProblem(error)
    : { ...toProblem(error), type: `${SCHEME_BASE}lightning/${type}`, status: 402 }
}
