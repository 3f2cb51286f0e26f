import { StreamError } from '../../errors/error.ts'
import { PRIVATE_HEADERS } from './ownHeaders.ts'
import { reachOf } from './privateHosts.ts'

/** Which redirects of a seller are followed: within its origin, or anywhere but from a public host into a private network. */
export type Redirects = 'same-origin' | 'follow'

type Fetch = typeof globalThis.fetch

const MAX_REDIRECTS = 10
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MAX_LOCATION = 2048
/** What describes a body that is not sent again. */
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']

/**
 * A `fetch` whose redirects lead only where they may: whoever answers must not make the buyer ask for what only the buyer can
 * reach, nor see what was meant for another. A request that says `redirect: 'error'` or `'manual'` gets just that.
 *
 * `reach` looks names up, and what they stand for may change until they are used: only a firewall keeps a process from a
 * private network for certain.
 * @throws StreamError `redirect-refused`, with `location`
 */
export function guardRedirects(fetch: Fetch, allowed: Redirects, reach = reachOf): Fetch {
  return async (input, init = {}) => {
    // The body of a Request may be read only once: it cannot be sent on.
    if (input instanceof Request) return fetch(input, { ...init, redirect: 'error' })
    if ((init.redirect ?? 'follow') !== 'follow') return fetch(input, init)
    let url = new URL(input)
    let request: RequestInit = { ...init, redirect: 'manual' }
    for (let followed = 0; ; followed++) {
      const response = await fetch(url, request)
      if (response.type === 'opaqueredirect') throw refused('it cannot be seen where it leads', url, '')
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
      if (location === null) return response
      await response.body?.cancel().catch(() => {})
      const next = read(location, url)
      if (followed === MAX_REDIRECTS) throw refused(`after ${MAX_REDIRECTS} redirects`, url, location)
      if (next.origin !== url.origin) {
        if (allowed !== 'follow') throw refused(`from ${url.origin} to another origin`, url, location)
        if ((await reach(next.hostname)) !== 'public' && (await reach(url.hostname)) !== 'private') {
          throw refused(`from ${url.origin} into a private network`, url, location)
        }
      }
      request = redirected(request, response.status, next.origin !== url.origin)
      url = next
    }
  }
}

function read(location: string, from: URL): URL {
  const url = URL.parse(location, from)
  if (!url || !/^https?:$/.test(url.protocol)) throw refused('to what is no http address', from, location)
  if (url.username || url.password) throw refused('to an address with a name or password', from, '')
  // As browsers do: the fragment is the reader's and stays.
  if (url.hash === '') url.hash = from.hash
  return url
}

/** The request as it is sent on (Fetch, "HTTP-redirect fetch"). */
function redirected(request: RequestInit, status: number, elsewhere: boolean): RequestInit {
  const method = (request.method ?? 'GET').toUpperCase()
  const asGet = status === 303 ? method !== 'HEAD' : (status === 301 || status === 302) && method === 'POST'
  const headers = new Headers(request.headers)
  for (const name of elsewhere ? PRIVATE_HEADERS : []) headers.delete(name)
  if (!asGet) return { ...request, headers }
  for (const name of BODY_HEADERS) headers.delete(name)
  const { body: _, ...rest } = request
  return { ...rest, method: 'GET', headers }
}

function refused(why: string, from: URL, location: string): StreamError {
  const details = { from: from.origin, location: location.slice(0, MAX_LOCATION) }
  return new StreamError('redirect-refused', `a redirect was not followed: ${why}`, details)
}
