export type KnownBody = string | Uint8Array | null

export interface LightInit {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A Response whose whole body is known: what the adapters write in one piece, without the stream that a platform Response
 * builds for every body (about 10 µs). A Response by prototype; the real one is built when the body is read as a stream.
 * @example new LightResponse(JSON.stringify(offer), { status: 402, headers: { 'content-type': 'application/json' } })
 */
export class LightResponse {
  readonly status: number
  readonly #known: KnownBody
  readonly #init: Readonly<Record<string, string>>
  #headers: Headers | undefined
  #real: Response | undefined

  /** A string without a `content-type` is plain text, as with Response. */
  constructor(body: KnownBody, { status = 200, headers = {} }: LightInit = {}) {
    this.status = status
    this.#known = body
    this.#init = headers
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  get statusText(): string {
    return ''
  }

  get headers(): Headers {
    if (!this.#headers) {
      this.#headers = new Headers(this.#init)
      if (typeof this.#known === 'string' && !this.#headers.has('content-type')) {
        this.#headers.set('content-type', 'text/plain;charset=UTF-8')
      }
    }
    return this.#headers
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#known === null ? null : this.real.body
  }

  get real(): Response {
    const { status, headers } = this
    this.#real ??= new Response(this.#known as BodyInit | null, { status, headers })
    return this.#real
  }

  /** The whole body; `undefined` if it was handed out as a stream, which alone counts then. */
  get known(): KnownBody | undefined {
    return this.#real ? undefined : this.#known
  }
}

const PROPERTIES = ['bodyUsed', 'redirected', 'type', 'url'] as const
const METHODS = ['arrayBuffer', 'blob', 'bytes', 'clone', 'formData', 'json', 'text'] as const

Object.setPrototypeOf(LightResponse.prototype, Response.prototype)
for (const name of PROPERTIES) {
  Object.defineProperty(LightResponse.prototype, name, {
    get(this: LightResponse) {
      return this.real[name]
    },
  })
}
for (const name of METHODS) {
  Object.defineProperty(LightResponse.prototype, name, {
    value(this: LightResponse) {
      return this.real[name]()
    },
  })
}

/** A Response with a body that is known as a whole: see `LightResponse`. */
export const knownResponse = (body: KnownBody, init?: LightInit): Response =>
  new LightResponse(body, init) as unknown as Response

/** The body of a response if it is known as a whole and was not read; else `undefined`. */
export const knownBody = (response: Response): KnownBody | undefined =>
  (response as unknown) instanceof LightResponse ? (response as unknown as LightResponse).known : undefined

/** The response as the platform's own object, for servers that accept no other. */
export const standardResponse = (response: Response): Response =>
  (response as unknown) instanceof LightResponse ? (response as unknown as LightResponse).real : response
