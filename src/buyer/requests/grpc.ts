import { isGrpc, readGrpcRefusal } from '../../wire/grpc.ts'
import { PROBLEM_TYPE } from '../../wire/problem.ts'

type Fetch = typeof globalThis.fetch

/** Answers as they came, by the 402 that they were read as. */
const came = new WeakMap<Response, Response>()

/** A `fetch` whose answers to calls of gRPC are a 402 where they ask for payment, as all others are: they come as 200. */
export const readingGrpc =
  (fetch: Fetch): Fetch =>
  (input, init) =>
    fetch(input, init).then(read)

function read(response: Response): Response {
  if (response.status !== 200 || !isGrpc(response.headers.get('content-type'))) return response
  const refusal = readGrpcRefusal(response.headers)
  if (!refusal) return response
  const headers = new Headers(response.headers)
  headers.set('content-type', PROBLEM_TYPE)
  const refused = new Response(refusal.problem ?? '', { status: 402, headers })
  // After a redirect, whoever asks is where it led to.
  Object.defineProperty(refused, 'url', { value: response.url })
  came.set(refused, response)
  return refused
}

/** An answer that nobody paid for, as its library of gRPC expects it. */
export const asItCame = (response: Response): Response => came.get(response) ?? response
