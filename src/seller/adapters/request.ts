import type { IncomingMessage } from 'node:http'
import { type BodySource, incomingBody } from './incomingBody.ts'

/** Any function from a Request to a Response. */
export type WebHandler = (request: Request) => Response | Promise<Response>

/** What is known of a request before its body, in HTTP/1.1 and HTTP/2 alike. */
export interface Head {
  readonly method?: string | undefined
  /** The target as it was sent. */
  readonly url?: string | undefined
  /** Names and values by turns. */
  readonly rawHeaders: readonly string[]
  readonly socket: { readonly remoteAddress?: string | undefined } | undefined
}

/**
 * A Request over an incoming message. A whole one costs about as much as answering a small request does, so this is a
 * Request by prototype that answers for method, URL, headers and signal itself, and builds the real one only when its
 * body or a method is asked for. What checks for more than the prototype — `fetch(request)`, `new Request(request)` —
 * needs `standardRequest(request)`.
 */
export class LightRequest {
  readonly url: string
  readonly #head: Head
  readonly #body: () => BodySource | undefined
  readonly #onBody: () => void
  #headers: Headers | undefined
  #real: Request | undefined
  #controller: AbortController | undefined
  #gone: DOMException | undefined
  /** What follows the body of the answer, known once that is over; set before the answer begins, by whoever has some. */
  trailers: (() => Headers) | undefined

  /** `onBody` is called when the body is first read, never if it is not. */
  constructor(head: Head, url: string, body: () => BodySource | undefined, onBody: () => void) {
    this.#head = head
    this.url = url
    this.#body = body
    this.#onBody = onBody
  }

  get method(): string {
    return this.#head.method ?? 'GET'
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#head)
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
    return this.#head.socket?.remoteAddress
  }

  get target(): string | undefined {
    return this.#head.url
  }

  get real(): Request {
    this.#real ??= this.#build()
    return this.#real
  }

  /** Puts another body in the place of its own, which was read. */
  replaceBody(body: ReadableStream<Uint8Array>): void {
    const { method, url, headers, signal } = this
    this.#real = new Request(url, { method, headers, signal, body, duplex: 'half' } as RequestInit)
  }

  /** The client has left: everything that follows the signal stops. */
  abort(reason: DOMException): void {
    this.#gone = reason
    this.#controller?.abort(reason)
  }

  #build(): Request {
    const { method, url, headers, signal } = this
    const source = method === 'GET' || method === 'HEAD' ? undefined : this.#body()
    if (!source) return new Request(url, { method, headers, signal })
    const body = incomingBody(source, this.#onBody)
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

/** The request with another body, where its own was read to decide something. The address of its peer stays known. */
export function withBody(request: Request, body: ReadableStream<Uint8Array>): Request {
  if (!isLight(request)) return new Request(request, { body, duplex: 'half' } as RequestInit)
  request.replaceBody(body)
  return request as unknown as Request
}

/** What was read of a body, to be read again: once. */
export function replay(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks.shift()
        if (chunk) controller.enqueue(chunk)
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

/** The address of the peer that sent a request, where the adapter knows it. */
export const addressOf = (request: Request): string | undefined =>
  isLight(request) ? request.address : addresses.get(request)

/** The target as it was sent, where the adapter knows it: a path, or to a proxy a whole URL (RFC 9112, section 3.2). */
export const sentTarget = (request: Request): string | undefined => (isLight(request) ? request.target : undefined)

/**
 * Has an answer followed by trailers. To be called before the answer is returned; they are asked for when its body is over. Only HTTP/2 carries them.
 * @example answerTrailers(request, () => new Headers({ 'grpc-status': '0' }))
 */
export function answerTrailers(request: Request, trailers: () => Headers): void {
  if (isLight(request)) request.trailers = trailers
}

/** Addresses of peers that another server told. */
const addresses = new WeakMap<Request, string>()

/** The same request, of which `addressOf` knows the peer. */
export function toldAddress(request: Request, address: string): Request {
  addresses.set(request, address)
  return request
}

const isLight = (request: unknown): request is LightRequest => request instanceof LightRequest

/** The body of a message of HTTP/1.1; without either field it has none (RFC 9112, section 6.3). */
export function bodyOf(incoming: IncomingMessage): BodySource | undefined {
  const { headers } = incoming
  const has = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  return has ? incoming : undefined
}

/** A Host that is only a host: with a slash in it the path would be the client's and not the request's. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i
/** URLs that the URL parser would leave as they are; for all others it decides. */
const NORMAL = /^https?:\/\/[a-z\d.-]+(?::(?!80\/|443\/)\d{1,5})?\/[\w\-.~!$&()*+,;=:@%/?]*$/
const DOTS = /\/\.|%2e/i

/** The URL that the target and the Host of a message make, as the URL parser writes it; `undefined` if they make none. */
export function urlOf({ headers: { host }, socket, url }: IncomingMessage): string | undefined {
  return urlFrom('encrypted' in socket && socket.encrypted ? 'https' : 'http', host, url)
}

export function urlFrom(scheme: 'http' | 'https', host: string | undefined, target = '/'): string | undefined {
  if (host !== undefined && !HOST.test(host)) return undefined
  const text = textOf(scheme, host, target)
  if (NORMAL.test(text) && !DOTS.test(text)) return text
  return URL.canParse(text) ? new URL(text).href : undefined
}

function textOf(scheme: string, host = 'localhost', target: string): string {
  if (!target.startsWith('/') && /^https?:\/\//i.test(target)) return target
  return `${scheme}://${host}${target.startsWith('/') ? target : `/${target}`}`
}

function headersOf({ rawHeaders }: Head): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
  return headers
}
