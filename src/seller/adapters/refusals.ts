import { toStreamError } from '../../errors/error.ts'
import { PROBLEM_TYPE, type Problem, toProblem } from '../../wire/problem.ts'
import { knownResponse } from './response.ts'

const problem = (body: object, status: number, headers: Readonly<Record<string, string>> = {}): Response =>
  knownResponse(JSON.stringify(body), { status, headers: { 'content-type': PROBLEM_TYPE, ...headers } })

/** The answer to a request whose target or host is none. */
export const notUnderstood = (): Response => problem({ type: 'about:blank', title: 'Bad Request', status: 400 }, 400)

/** The answer when a handler or its body failed before anything was sent. */
export function failure(error: unknown): Response {
  const document = problemOf(error)
  return problem(document, document.status, { 'cache-control': 'no-store' })
}

/** What a client is told of a failure. */
export function problemOf(error: unknown): Problem {
  const known = toStreamError(error)
  const document = toProblem(known)
  // The message of a failure that is none of ours may hold anything.
  return known.code === 'internal' ? { ...document, detail: 'the service failed' } : document
}
