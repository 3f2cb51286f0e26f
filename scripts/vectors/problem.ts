import { CODES, type ErrorCode } from '../../src/errors/codes.ts'
import { StreamError } from '../../src/errors/error.ts'
import { fromProblem, toProblem } from '../../src/wire/problem.ts'
import type { Vectors } from './row.ts'

const base = 'https://paymentauth.org/problems/'
const FOREIGN: readonly object[] = [
  { type: `${base}payment-expired`, title: 'Payment Expired', status: 402, detail: 'too late' },
  { type: `${base}malformed-credential`, status: 402 },
  { type: `${base}unheard-of`, status: 402 },
  { type: 'about:blank', title: 'Not Found', status: 404 },
]

export const problem = (): Vectors => ({
  about: 'Problem documents (RFC 9457), one for every code, and how documents of other servers are read.',
  problems: (Object.keys(CODES) as ErrorCode[]).map((code) => {
    const { title, hint, retryable, ...rest } = toProblem(new StreamError(code, 'what happened', { amount: '1000' }))
    return rest
  }),
  foreign: FOREIGN.map((document) => ({ document, code: fromProblem(document)?.code ?? null })),
})
