import type { IncomingMessage } from 'node:http'
import { dropHopByHop } from '../seller/sources/upstream/headers.ts'
import { TOKEN_PREFIX } from './callers.ts'

/** Names the caller. */
export const TOKEN_HEADER = 'streampay-token'
/** Of every answer that went through: what became of it can be asked for under this id. */
export const REQUEST_HEADER = 'streampay-request'
/** The agreement on which an answer is paid. */
export const AGREEMENT_HEADER = 'streampay-agreement'

/** What is the caller's matter with this proxy, or is made anew. `Origin` and such speak of pages, of which there are none behind it. */
const NOT_SENT = ['host', 'expect', 'authorization', TOKEN_HEADER]

/**
 * The headers that a server gets.
 * @param via what this proxy calls itself: a request that comes back is known by it
 */
export function requestHeaders(request: Request, via: string): Headers {
  const headers = new Headers(request.headers)
  dropHopByHop(headers)
  for (const name of NOT_SENT) headers.delete(name)
  headers.append('via', `1.1 ${via}`)
  return headers
}

/** The client's own Authorization, for servers that ask for no money: `undefined` if it is a token of this proxy, or a payment. */
export function ownAuthorization({ headers }: Request): string | undefined {
  const value = headers.get('authorization')
  if (value === null || value.includes(TOKEN_PREFIX) || /^\s*payment\b/i.test(value)) return undefined
  return value
}

/** The headers that the client gets of a server's. @throws TypeError for what is no header */
export function answerHeaders({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  dropHopByHop(headers)
  // What this proxy says of itself nobody else says.
  for (const name of [REQUEST_HEADER, AGREEMENT_HEADER]) headers.delete(name)
  return headers
}
