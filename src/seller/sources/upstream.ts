import { StreamError } from '../../errors/error.ts'
import type { Meter } from '../delivery.ts'

/** Headers that speak of one connection, and those that are between buyer and seller (RFC 9110, section 7.6.1). */
const NOT_FORWARDED = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
  'authorization',
  'accept-encoding',
  'content-length',
]
const NOT_RETURNED = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
  'payment-receipt',
]

/**
 * Passes requests on to an HTTP service that knows nothing of payments. Both bodies stream; when the buyer leaves or stops
 * paying, the upstream's connection is held by backpressure and then aborted. The buyer's credential never reaches it.
 * @throws StreamError `upstream-failed`, which charges nothing
 * @example wall(proxyTo('http://127.0.0.1:11434'))
 */
export function proxyTo(base: string): (request: Request, meter?: Meter) => Promise<Response> {
  const upstream = new URL(base)
  return async (request, meter) => {
    const url = targetOf(upstream, request.url)
    const headers = new Headers(request.headers)
    dropConnectionHeaders(headers, NOT_FORWARDED)
    // Encoded bodies could not be counted.
    headers.set('accept-encoding', 'identity')
    headers.set('x-forwarded-host', new URL(request.url).host)
    headers.set('x-forwarded-proto', new URL(request.url).protocol.slice(0, -1))
    const signal = meter ? AbortSignal.any([request.signal, meter.signal]) : request.signal
    const bodiless = request.method === 'GET' || request.method === 'HEAD'
    const body = bodiless ? null : request.body
    try {
      const init = {
        method: request.method,
        headers,
        body,
        signal,
        redirect: 'manual',
        ...(body && { duplex: 'half' }),
      }
      return answerOf(await fetch(url, init as RequestInit))
    } catch (error) {
      signal.throwIfAborted()
      const detail =
        error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error)
      throw new StreamError('upstream-failed', `${upstream.origin} does not answer: ${detail}`, {}, error)
    }
  }
}

/** The request's path below the upstream's own. */
function targetOf(upstream: URL, requested: string): string {
  const { pathname, search } = new URL(requested)
  const target = new URL(upstream)
  target.pathname = upstream.pathname.replace(/\/$/, '') + pathname
  target.search = search
  return target.href
}

function answerOf(response: Response): Response {
  const headers = new Headers(response.headers)
  dropConnectionHeaders(headers, NOT_RETURNED)
  if (headers.has('content-encoding')) {
    // It was decoded on the way here.
    headers.delete('content-encoding')
    headers.delete('content-length')
  }
  const { status, statusText, body } = response
  return new Response(body, { status, statusText, headers })
}

function dropConnectionHeaders(headers: Headers, names: readonly string[]): void {
  for (const name of (headers.get('connection') ?? '').split(','))
    if (/^[\w-]+$/.test(name.trim())) headers.delete(name.trim())
  for (const name of names) headers.delete(name)
}
