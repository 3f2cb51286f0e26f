import { withHeaders } from '../../seller/adapters/withHeaders.ts'

/** What a page of another origin may read of an answer, and may send. */
const EXPOSED =
  'www-authenticate, payment-receipt, stream-play, stream-cost, content-range, content-length, accept-ranges, retry-after'
/** The star stands for any header but the first. */
const ALLOWED = 'authorization, *'
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'

/**
 * Lets pages of other origins pay and read. No cookie is ever let through, so any origin is as good as another: who pays is who may read.
 * @example export const handle = withCors((request) => gateway.handle(request))
 */
export function withCors(
  handle: (request: Request) => Response | Promise<Response>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { method, headers } = request
    if (method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method'))
      return preflight()
    const response = await handle(request)
    return headers.has('origin') ? withHeaders(response, allow) : response
  }
}

function allow(headers: Headers): void {
  headers.set('access-control-allow-origin', '*')
  headers.delete('access-control-allow-credentials')
  headers.set('access-control-expose-headers', EXPOSED)
}

const preflight = (): Response =>
  new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': ALLOWED,
      'access-control-max-age': '600',
    },
  })
