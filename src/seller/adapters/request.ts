import type { IncomingMessage } from 'node:http'
import { incomingBody } from './incomingBody.ts'

/**
 * A Request over an incoming message. A whole one costs about as much as answering a small request does, so this is a
 * Request by prototype that answers for method, URL, headers and signal itself, and builds the real one only when its
 * body or a method is asked for. What checks for more than the prototype — `fetch(request)`, `new Request(request)` —
 * needs `standardRequest(request)`.
 */
export class LightRequest {
  readonly url: string
  readonly #incoming: IncomingMessage
  readonly #onBody: () => void
  #headers: Headers | undefined
  #real: Request | undefined
  #controller: AbortController | undefined
  #gone: DOMException | undefined

  /** `onBody` is called when the body is first read, never if it is not. */
  constructor(incoming: IncomingMessage, url: string, onBody: () => void) {
    this.#incoming = incoming
    this.url = url
    this.#onBody = onBody
  }

  get method(): string {
    return this.#incoming.method ?? 'GET'
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#incoming)
    return this.#headers
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#gone) this.#controller.abort(this.#gone)
    }
    return this.#controller.signal
  }

  /** The address of the peer, which may be a proxy's. `undefined` once it has left. */
  get address(): string | undefined {
    return this.#incoming.socket.remoteAddress
  }

  get real(): Request {
    this.#real ??= this.#build()
    return this.#real
  }

  /** The client has left: everything that follows the signal stops. */
  abort(reason: DOMException): void {
    this.#gone = reason
    this.#controller?.abort(reason)
  }

  #build(): Request {
    const { method, url, headers, signal } = this
    if (method === 'GET' || method === 'HEAD' || !hasBody(this.#incoming)) {
      return new Request(url, { method, headers, signal })
    }
    const body = incomingBody(this.#incoming, this.#onBody)
    return new Request(url, { method, headers, signal, body, duplex: 'half' } as RequestInit)
  }
}

/** What is asked of a Request besides what `LightRequest` answers itself. */
const PROPERTIES = [
  'body',
  'bodyUsed',
  'cache',
  'credentials',
  'destination',
  'duplex',
  'integrity',
  'keepalive',
  'mode',
  'redirect',
  'referrer',
  'referrerPolicy',
] as const
const METHODS = ['arrayBuffer', 'blob', 'bytes', 'clone', 'formData', 'json', 'text'] as const

Object.setPrototypeOf(LightRequest.prototype, Request.prototype)
for (const name of PROPERTIES) {
  Object.defineProperty(LightRequest.prototype, name, {
    get(this: LightRequest) {
      return this.real[name as keyof Request]
    },
  })
}
for (const name of METHODS) {
  Object.defineProperty(LightRequest.prototype, name, {
    value(this: LightRequest) {
      return this.real[name]()
    },
  })
}

/**
 * The request as the platform's own object, for `fetch()` and `new Request()`, which accept no other.
 * @example fetch(new Request(upstream, standardRequest(request)))
 */
export const standardRequest = (request: Request): Request => (isLight(request) ? request.real : request)

/** The address of the peer that sent a request, where the adapter knows it. */
export const addressOf = (request: Request): string | undefined => (isLight(request) ? request.address : undefined)

const isLight = (request: unknown): request is LightRequest => request instanceof LightRequest

/** Without either field a request has no body (RFC 9112, section 6.3). */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** A Host that is only a host: with a slash in it the path would be the client's and not the request's. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
/** URLs that the URL parser would leave as they are; for all others it decides. */
const NORMAL = /^https?:\/\/[a-z\d.-]+(?::(?!80\/|443\/)\d{1,5})?\/[\w\-.~!$&()*+,;=:@%/?]*$/
const DOTS = /\/\.|%2e/i

/** The URL that the target and the Host of a message make, as the URL parser writes it; `undefined` if they make none. */
export function urlOf(incoming: IncomingMessage): string | undefined {
  const { host } = incoming.headers
  if (host !== undefined && !HOST.test(host)) return undefined
  const text = targetOf(incoming)
  if (NORMAL.test(text) && !DOTS.test(text)) return text
  return URL.canParse(text) ? new URL(text).href : undefined
}

function targetOf({ headers, socket, url = '/' }: IncomingMessage): string {
  if (!url.startsWith('/') && /^https?:\/\//i.test(url)) return url
  const scheme = 'encrypted' in socket && socket.encrypted ? 'https' : 'http'
  return `${scheme}://${headers.host ?? 'localhost'}${url.startsWith('/') ? url : `/${url}`}`
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  return headers
}
