import type { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http2'
import { PAYMENT_AUTHORIZATION } from '../../../wire/challenge.ts'
import { addressOf } from '../../adapters/request.ts'
import { credentialHeaders, shownBy } from '../../schemes/shown.ts'
import { PRICE_HEADERS } from './prices.ts'

/** Headers that speak of one connection (RFC 9110, section 7.6.1). Those that `Connection` names are dropped with them. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
/** What is between buyer and seller, and what this proxy says for itself. */
const NOT_FORWARDED = [...HOP_BY_HOP, 'host', 'expect', 'accept-payment', 'payment-receipt', 'accept-encoding']
const NOT_RETURNED = [...HOP_BY_HOP, 'www-authenticate', 'payment-receipt', ...PRICE_HEADERS]

/** The headers that an upstream gets. `own` are the upstream's: its key is nobody else's to set. */
export function forwarded(request: Request, own: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(request.headers)
  // Where the payment stands elsewhere, `Authorization` is what the buyer has for the service itself.
  if (!headers.has(PAYMENT_AUTHORIZATION) || shownBy(request)?.text !== headers.get(PAYMENT_AUTHORIZATION)) {
    headers.delete('authorization')
  }
  drop(headers, [...credentialHeaders(headers), ...NOT_FORWARDED])
  // What is compressed could not be counted.
  headers.set('accept-encoding', 'identity')
  const { host, protocol } = new URL(request.url)
  headers.set('x-forwarded-host', host)
  headers.set('x-forwarded-proto', protocol.slice(0, -1))
  const address = addressOf(request)
  if (address) headers.append('x-forwarded-for', address)
  for (const [name, value] of Object.entries(own)) headers.set(name, value)
  return headers
}

/** The headers that the buyer gets. @throws TypeError for what is no header */
export function returned(incoming: IncomingMessage): Headers {
  const headers = new Headers()
  const { rawHeaders } = incoming
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  drop(headers, NOT_RETURNED)
  return headers
}

/** The headers of a call's answer that the buyer gets, or its trailers: names of HTTP/2's own are left out. */
export function returnedCall(fields: IncomingHttpHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':')) continue
    for (const each of [value ?? []].flat()) headers.append(name, each)
  }
  drop(headers, NOT_RETURNED)
  return headers
}

/** Takes away what speaks of one connection alone. */
export const dropHopByHop = (headers: Headers): void => drop(headers, HOP_BY_HOP)

function drop(headers: Headers, names: readonly string[]): void {
  for (const name of (headers.get('connection') ?? '').split(',')) {
    if (/^[\w-]+$/.test(name.trim())) headers.delete(name.trim())
  }
  for (const name of names) headers.delete(name)
}
