import { CODES, type ErrorCode } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'

/** Media type of a problem document. */
export const PROBLEM_TYPE = 'application/problem+json'
export const SCHEME_BASE = 'https://paymentauth.org/problems/'
const OWN_BASE = 'urn:streampay:problem:'
const MAX_DETAIL = 2000
const MAX_DETAILS = 32

/** A problem document (RFC 9457), with `code`, `hint` and `retryable` of ours, and the error's details as further members. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly hint: string
  /** Whether the very same request may go well later. */
  readonly retryable: boolean
  readonly [name: string]: string | number | boolean
}

/** Types that the drafts of `charge` and `session` add under `lightning/`. */
const LIGHTNING: Readonly<Record<string, ErrorCode>> = {
  'malformed-credential': 'credential-malformed',
  'unknown-challenge': 'challenge-invalid',
  'invalid-preimage': 'preimage-invalid',
  'expired-invoice': 'offer-expired',
  'challenge-expired': 'offer-expired',
  'session-not-found': 'session-unknown',
  'session-closed': 'session-closed',
  'insufficient-balance': 'payment-insufficient',
  'invalid-return-invoice': 'return-invalid',
}

const RESERVED = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'hint', 'retryable'])

/**
 * The body of an error answer.
 * @example Response.json(toProblem(error), { status: error.status, headers: { 'Content-Type': PROBLEM_TYPE } })
 */
export function toProblem(error: StreamError): Problem {
  const row: { title: string; problem?: string } = CODES[error.code]
  return {
    ...Object.fromEntries(Object.entries(error.details).filter(([name]) => !RESERVED.has(name))),
    type: row.problem ? SCHEME_BASE + row.problem : OWN_BASE + error.code,
    title: row.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    hint: error.hint,
    retryable: error.retryable,
  }
}

/**
 * Reads a problem document back. `undefined` if it is none of ours and none of the `Payment` scheme's own types. The text is
 * cut to 2,000 characters; of further members the first 32 strings are kept.
 */
export function fromProblem(body: unknown): StreamError | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const problem = body as Record<string, unknown>
  const code = codeOf(problem)
  if (!code) return undefined
  const text = typeof problem.detail === 'string' ? problem.detail : CODES[code].title
  const details = Object.entries(problem)
    .filter(([name, value]) => !RESERVED.has(name) && typeof value === 'string')
    .slice(0, MAX_DETAILS)
    .map(([name, value]) => [name.slice(0, 64), (value as string).slice(0, MAX_DETAIL)])
  return new StreamError(code, text.slice(0, MAX_DETAIL), Object.fromEntries(details))
}

function codeOf({ code, type }: Record<string, unknown>): ErrorCode | undefined {
  if (typeof code === 'string' && Object.hasOwn(CODES, code)) return code as ErrorCode
  if (typeof type !== 'string' || !type.startsWith(SCHEME_BASE)) return undefined
  const name = type.slice(SCHEME_BASE.length)
  const [group, own = ''] = name.split('/', 2)
  if (group === 'lightning') return Object.hasOwn(LIGHTNING, own) ? LIGHTNING[own] : undefined
  // several of our codes share one of the scheme's types: the first in the table is the general one
  return (Object.keys(CODES) as ErrorCode[]).find((key) => (CODES[key] as { problem?: string }).problem === name)
}
