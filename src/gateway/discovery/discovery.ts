import { shownBy } from '../../seller/schemes/shown.ts'
import type { GatewayRoute } from '../route.ts'
import { type Described, described } from './described.ts'
import { llmsTxt } from './llmsTxt.ts'
import { openApi } from './openApi.ts'

/** The 402 alone binds, so what is a minute old does no harm. */
const CACHE = 'public, max-age=60'

const DOCUMENTS: Readonly<Record<string, (routes: readonly GatewayRoute[], origin: string) => Response>> = {
  '/openapi.json': (routes, origin) =>
    answer(`${JSON.stringify(openApi(listed(routes), origin), null, 1)}\n`, 'application/json'),
  '/llms.txt': (routes, origin) => answer(llmsTxt(listed(routes), origin), 'text/plain; charset=utf-8'),
}
/** A route's own answer goes before what is told of the routes, unless it is one of these: none, or not without money. */
const UNANSWERED: ReadonlySet<number> = new Set([402, 404, 405, 503])

/**
 * What is told of the routes at a path, `/openapi.json` or `/llms.txt`; `undefined` at any other, and where the routes have an answer of their own.
 * Whoever comes with a credential has what was sold to it.
 * @param origin as buyers write it
 * @param status of the routes' own answer; left out where no route is asked
 */
export function discovery(
  request: Request,
  origin: string,
  path: string,
  routes: readonly GatewayRoute[],
  status = 404,
): Response | undefined {
  const { method, headers } = request
  const write = Object.hasOwn(DOCUMENTS, path) ? DOCUMENTS[path] : undefined
  if (!write || (method !== 'GET' && method !== 'HEAD')) return undefined
  if (!UNANSWERED.has(status) || headers.has('authorization') || shownBy(request)) return undefined
  const response = write(routes, origin)
  return method === 'HEAD' ? new Response(null, { headers: response.headers }) : response
}

/** The gateway's origin as buyers write it: a trusted proxy in front may have taken TLS off. */
export function originOf({ headers }: Request, url: URL, trustProxy: number): string {
  const forwarded = trustProxy > 0 ? headers.get('x-forwarded-proto')?.split(',').at(-1)?.trim() : undefined
  return forwarded === 'https' ? `https://${url.host}` : url.origin
}

/** What can be reached: what an earlier route takes whole never comes to a later one. */
function listed(routes: readonly GatewayRoute[]): Described[] {
  const taken = new Set<string>()
  return routes.flatMap((route) => {
    const one = described(route)
    if (!one) return []
    const places = one.paths.flatMap(({ path }) => one.methods.map((method) => `${method} ${path}`))
    const reached = places.some((place) => !taken.has(place))
    if (!one.conditional) for (const place of places) taken.add(place)
    return reached ? [one] : []
  })
}

const answer = (text: string, type: string): Response =>
  new Response(text, {
    headers: { 'content-type': type, 'cache-control': CACHE, 'x-content-type-options': 'nosniff' },
  })
