import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * The Request of an incoming message. Building a whole one costs more than answering a small request does, so this is a
 * Request by prototype that answers for method, URL, headers and signal itself, and becomes a real one only when its body
 * or a method is asked for.
 */
export function requestOf(incoming: IncomingMessage): { readonly request: Request; readonly leave: () => void } {
  const light = new LightRequest(incoming)
  return { request: light as unknown as Request, leave: () => light.leave() }
}

/** What is asked of a Request besides what `LightRequest` answers itself. */
const DELEGATED = [
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

class LightRequest {
  readonly #incoming: IncomingMessage
  #headers: Headers | undefined
  #real: Request | undefined
  #controller: AbortController | undefined
  #left = false

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
  }

  get method(): string {
    return this.#incoming.method ?? 'GET'
  }

  get url(): string {
    const { headers, socket, url = '/' } = this.#incoming
    if (/^https?:\/\//i.test(url)) return url
    const scheme = 'encrypted' in socket && socket.encrypted ? 'https' : 'http'
    return `${scheme}://${headers.host ?? 'localhost'}${url.startsWith('/') ? url : `/${url}`}`
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#incoming)
    return this.#headers
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#left) this.leave()
    return this.#controller.signal
  }

  leave(): void {
    this.#left = true
    this.#controller?.abort(new DOMException('the client is gone', 'AbortError'))
  }

  get real(): Request {
    if (this.#real) return this.#real
    const { method, url, headers, signal } = this
    const bodiless = method === 'GET' || method === 'HEAD'
    const body = bodiless ? null : (Readable.toWeb(this.#incoming) as unknown as ReadableStream)
    this.#real = new Request(url, { method, headers, signal, body, ...(body && { duplex: 'half' }) } as RequestInit)
    return this.#real
  }
}

Object.setPrototypeOf(LightRequest.prototype, Request.prototype)
for (const name of DELEGATED) {
  Object.defineProperty(LightRequest.prototype, name, {
    get(this: LightRequest) {
      return this.real[name as keyof Request]
    },
  })
}
for (const name of METHODS) {
  Object.defineProperty(LightRequest.prototype, name, {
    value(this: LightRequest) {
      return (this.real[name as 'text'] as () => unknown).call(this.real)
    },
  })
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    // HTTP/2 pseudo headers are no headers
    if (!name.startsWith(':')) headers.append(name, rawHeaders[i + 1] as string)
  }
  return headers
}
