export type KnownBody = string | Uint8Array | null

/** What a body is read from, piece by piece: a stream's own reader is one. One read at a time; after `cancel` none. */
export interface BodyReader {
  read(): Promise<BodyRead>
  cancel(reason?: unknown): Promise<void>
}

export type BodyRead = ReadableStreamReadResult<Uint8Array>

export const BODY_END: BodyRead = { done: true, value: undefined }

export interface LightInit {
  readonly status?: number
  readonly statusText?: string
  readonly headers?: Headers | Readonly<Record<string, string>>
  /** It is no success, whatever its status: a call of gRPC that failed is answered 200 too. */
  readonly failed?: boolean
}

/** RFC 9110, section 15.1. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * A Response without the stream that a platform Response has for its body. One that is known as a whole is written in one piece (the
 * stream takes about 10 µs); one that passes through several hands is read by its reader, as a stream in each of them takes about
 * 5 µs for every chunk. A Response by prototype; the real one is built when the body is asked for as a stream.
 * @example new LightResponse(JSON.stringify(offer), { status: 402, headers: { 'content-type': 'application/json' } })
 */
export class LightResponse {
  readonly status: number
  readonly statusText: string
  readonly #body: KnownBody | BodyReader
  readonly #init: LightInit['headers']
  readonly #failed: boolean
  #headers: Headers | undefined
  #real: Response | undefined
  #taken = false

  /**
   * A string without a `content-type` is plain text, as with Response.
   * @throws RangeError, TypeError for what a Response refuses
   */
  constructor(
    body: KnownBody | BodyReader,
    { status = 200, statusText = '', headers, failed = false }: LightInit = {},
  ) {
    if (!(status >= 200 && status <= 599)) throw new RangeError(`${status} is no status of an answer`)
    if (!REASON.test(statusText)) throw new TypeError('the reason of an answer is one line of text')
    this.status = status
    this.statusText = statusText
    this.#body = body
    this.#init = headers
    this.#failed = failed
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299 && !this.#failed
  }

  get headers(): Headers {
    if (!this.#headers) {
      this.#headers = new Headers(this.#init)
      if (typeof this.#body === 'string' && !this.#headers.has('content-type')) {
        this.#headers.set('content-type', 'text/plain;charset=UTF-8')
      }
    }
    return this.#headers
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === null ? null : this.real.body
  }

  get real(): Response {
    if (!this.#real) {
      const { status, statusText, headers } = this
      const body = isReader(this.#body) ? streamOf(this.#body) : (this.#body as BodyInit | null)
      this.#real = new Response(body, { status, statusText, headers })
      // As a platform Response whose reader somebody has.
      if (this.#taken) this.#real.body?.getReader()
    }
    return this.#real
  }

  /** The whole body; `undefined` if it is read piece by piece, or was handed out as a stream, which alone counts then. */
  get known(): KnownBody | undefined {
    return this.#real || isReader(this.#body) ? undefined : this.#body
  }

  /** What the body is to be read from; from here on nothing else reads it. */
  takeReader(): BodyReader | null {
    if (this.#taken || this.#real || !isReader(this.#body)) return this.body?.getReader() ?? null
    this.#taken = true
    return this.#body
  }
}

const isReader = (body: KnownBody | BodyReader): body is BodyReader =>
  body !== null && typeof body === 'object' && 'read' in body

/** Invariant: asked for only when its own reader asks, so that backpressure stays what it is. */
const streamOf = (reader: BodyReader): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )

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

/** A Response whose body is read piece by piece, without a stream between: see `LightResponse`. */
export const readResponse = (reader: BodyReader, init: LightInit): Response =>
  new LightResponse(reader, init) as unknown as Response

/** What the body of a response is to be read from, by the caller alone; `null` where there is none. */
export const takeReader = (response: Response): BodyReader | null =>
  (response as unknown) instanceof LightResponse
    ? (response as unknown as LightResponse).takeReader()
    : (response.body?.getReader() ?? null)

/** The body of a response if it is known as a whole and was not read; else `undefined`. */
export const knownBody = (response: Response): KnownBody | undefined =>
  (response as unknown) instanceof LightResponse ? (response as unknown as LightResponse).known : undefined

/** The response as the platform's own object, for servers that accept no other. */
export const standardResponse = (response: Response): Response =>
  (response as unknown) instanceof LightResponse ? (response as unknown as LightResponse).real : response
