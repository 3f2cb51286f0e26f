import { grpcRefusal, isGrpc } from '../wire/grpc.ts'
import { PROBLEM_TYPE, type Problem } from '../wire/problem.ts'
import { knownResponse } from './adapters/response.ts'

/** Whether a request is a call of gRPC, whose client looks for the end of it in `grpc-status` alone. */
export const isCall = ({ method, headers }: Request): boolean =>
  method === 'POST' && isGrpc(headers.get('content-type'))

/**
 * The answer to a call: a problem in the form of gRPC, and whatever else there is as it is. What a service answers in HTTP's own words a library of gRPC
 * reads by its status.
 */
export async function answerCall({ headers: asked }: Request, response: Response): Promise<Response> {
  if (response.status < 400 || !response.headers.get('content-type')?.startsWith(PROBLEM_TYPE)) return response
  const problem = (await response.json()) as Problem
  const headers = new Headers(response.headers)
  headers.delete('content-length')
  // Of a web page's client the kind that it sent is the kind that it reads.
  headers.set('content-type', asked.get('content-type')!.split(';', 1)[0]!.trim().toLowerCase())
  for (const [name, value] of Object.entries(grpcRefusal({ ...problem, status: response.status })))
    headers.set(name, value)
  return knownResponse(null, { status: 200, headers })
}
