import { StreamError } from '../../errors/error.ts'

/**
 * Stands in for `src/buyer/requests/redirects.ts` in the browser's bundle. A browser shows no page where a redirect leads, so that nothing can be
 * judged and nothing is followed; what a page's own `fetch` shows is the answer.
 * @throws StreamError `redirect-refused`
 */
export function guardRedirects(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init = {}) => {
    if (input instanceof Request) return fetch(input, { ...init, redirect: 'error' })
    if ((init.redirect ?? 'follow') !== 'follow') return fetch(input, init)
    const response = await fetch(input, { ...init, redirect: 'manual' })
    if (response.type !== 'opaqueredirect') return response
    const text = 'a redirect was not followed: it cannot be seen where it leads'
    throw new StreamError('redirect-refused', text, { from: new URL(input).origin, location: '' })
  }
}
