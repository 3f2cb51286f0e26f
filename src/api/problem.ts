import { type StreamError, toStreamError } from '../errors/error.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'

interface Changes {
  /** Where HTTP has a better word for it than the code's own. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** What went wrong, for a program to act on: a problem document (RFC 9457) with `code`, `hint`, and whether to try the same again. */
export function problemAnswer(thrown: unknown, { status, headers = {} }: Changes = {}): Response {
  const error = toStreamError(thrown)
  const body = { ...toProblem(error), ...(status !== undefined && { status }) }
  return new Response(JSON.stringify(body), {
    status: status ?? error.status,
    headers: { ...KEPT_TO_ITSELF, 'content-type': PROBLEM_TYPE, ...retryAfter(error), ...headers },
  })
}

/** Nothing of it is kept by anything on the way, nor taken for something else by a browser. */
export const KEPT_TO_ITSELF = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

function retryAfter({ code, details }: StreamError): Readonly<Record<string, string>> {
  return code === 'rate-limited' ? { 'retry-after': details.retryAfter ?? '1' } : {}
}
