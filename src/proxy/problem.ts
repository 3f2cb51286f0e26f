import { toStreamError } from '../errors/error.ts'
import { knownResponse } from '../seller/adapters/response.ts'
import { PROBLEM_TYPE, toProblem } from '../wire/problem.ts'
import { REQUEST_HEADER } from './headers.ts'
import type { LiveRequest } from './requests.ts'
import { isForProxy } from './target.ts'

/** A failure before the answer began. */
export function problemOf(error: unknown, request: Request, live?: LiveRequest): Response {
  const known = toStreamError(error)
  const problem = live?.problem ?? toProblem(known)
  const forProxy = isForProxy(request)
  const status = known.code === 'token-unknown' && forProxy ? 407 : problem.status
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' }
  if (live) headers[REQUEST_HEADER] = live.id
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="streampay"'
  if (status === 407) headers['proxy-authenticate'] = 'Basic realm="streampay"'
  if (known.details.retryAfter !== undefined) headers['retry-after'] = known.details.retryAfter
  return knownResponse(JSON.stringify({ ...problem, status }), { status, headers })
}
