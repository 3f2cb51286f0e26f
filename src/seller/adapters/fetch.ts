import { failure } from './refusals.ts'
import { toldAddress, type WebHandler } from './request.ts'
import { standardResponse } from './response.ts'

/**
 * A handler for any server that takes a function from Request to Response: Next's route handlers, Deno, Bun, Workers and the like. The server has to pull the
 * body as its client reads, and to cancel it when the client leaves; all of these do.
 *
 * @param addressOfClient where the server tells it, from the arguments that it calls with: strangers are rate limited by it
 * @example export const GET = toFetch(wall(handler))                                            // Next: app/…/route.ts
 * @example Deno.serve(toFetch(wall(handler), (_, info) => info.remoteAddr.hostname))
 * @example export default { fetch: toFetch(wall(handler), (request) => request.headers.get('cf-connecting-ip') ?? undefined) }
 */
export function toFetch<Rest extends readonly unknown[]>(
  handler: WebHandler,
  addressOfClient: (request: Request, ...rest: Rest) => string | undefined = () => undefined,
  onError: (error: unknown) => void = () => {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    try {
      const address = addressOfClient(request, ...rest)
      return standardResponse(await handler(address === undefined ? request : toldAddress(request, address)))
    } catch (error) {
      // A client that left is no failure.
      if (!request.signal?.aborted) onError(error)
      return standardResponse(failure(error))
    }
  }
}
