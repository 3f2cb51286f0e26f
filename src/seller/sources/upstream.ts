import { StreamError } from '../../errors/error.ts'
import { addressOf } from '../adapters/request.ts'
import type { SignalHolder } from './file.ts'

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
const NOT_FORWARDED = [...HOP_BY_HOP, 'host', 'expect', 'authorization', 'payment-receipt', 'accept-encoding']
const NOT_RETURNED = [...HOP_BY_HOP, 'www-authenticate', 'payment-receipt']

/**
 * Passes requests on to an HTTP service that knows nothing of payments. Both bodies stream; when the buyer leaves or stops
 * paying, the upstream is held by backpressure and then aborted. The buyer's credential never reaches it; a name and password in
 * `base` are sent to it as Basic authorization. An upstream that says nothing for five minutes is given up.
 * @throws StreamError `upstream-failed`, which charges nothing; its message names no address, its cause says why
 * @example wall(proxyTo('http://127.0.0.1:11434'))
 */
export function proxyTo(base: string): (request: Request, meter?: SignalHolder) => Promise<Response> {
  const upstream = new URL(base)
  const authorization = basic(upstream)
  upstream.username = ''
  upstream.password = ''
  return async (request, meter) => {
    const target = targetOf(upstream, new URL(request.url))
    if (!target) return new Response('not found\n', { status: 404 })
    const signal = meter ? AbortSignal.any([request.signal, meter.signal]) : request.signal
    const { method, body } = request
    const headers = forwarded(request)
    if (authorization) headers.set('authorization', authorization)
    const init = { method, headers, body, signal, redirect: 'manual', ...(body && { duplex: 'half' }) } as RequestInit
    try {
      return returned(await fetch(target, init))
    } catch (error) {
      signal.throwIfAborted()
      throw new StreamError('upstream-failed', 'the service behind the seller does not answer', {}, error)
    }
  }
}

function basic({ username, password }: URL): string | undefined {
  if (!username && !password) return undefined
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

/** Dots that a service which decodes a path once more would climb out with. */
const CLIMBS = /(?:^|\/|%2f|\\|%5c)(?:\.|%2e){1,2}(?:$|\/|%2f|\\|%5c|;)/i

/** The request's path below the upstream's own; `undefined` if it might leave it. */
function targetOf(upstream: URL, { pathname, search }: URL): URL | undefined {
  if (CLIMBS.test(pathname)) return undefined
  const target = new URL(upstream)
  // A setter, not a join of texts: a path like //elsewhere stays a path.
  target.pathname = upstream.pathname.replace(/\/$/, '') + pathname
  target.search = search
  return target
}

function forwarded(request: Request): Headers {
  const headers = new Headers(request.headers)
  drop(headers, NOT_FORWARDED)
  // What is compressed could not be counted.
  headers.set('accept-encoding', 'identity')
  const { host, protocol } = new URL(request.url)
  headers.set('x-forwarded-host', host)
  headers.set('x-forwarded-proto', protocol.slice(0, -1))
  const address = addressOf(request)
  if (address) headers.append('x-forwarded-for', address)
  return headers
}

function returned(response: Response): Response {
  const headers = new Headers(response.headers)
  drop(headers, NOT_RETURNED)
  if (headers.has('content-encoding')) {
    // It was decoded on the way here.
    headers.delete('content-encoding')
    headers.delete('content-length')
  }
  const { status, statusText, body } = response
  return new Response(body, { status, statusText, headers })
}

function drop(headers: Headers, names: readonly string[]): void {
  for (const name of (headers.get('connection') ?? '').split(',')) {
    if (/^[\w-]+$/.test(name.trim())) headers.delete(name.trim())
  }
  for (const name of names) headers.delete(name)
}
