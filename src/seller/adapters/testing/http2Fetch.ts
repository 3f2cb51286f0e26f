import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'

export interface Http2Client {
  /** As the `fetch` option of a buyer: each request a stream of one session. */
  readonly fetch: typeof globalThis.fetch
  readonly session: ClientHttp2Session
  /** Streams that were opened. */
  readonly streams: readonly ClientHttp2Stream[]
  close(): Promise<void>
}

/** A `fetch` over HTTP/2 to one origin, as little of one as a paying buyer needs. What its reader does not read is not taken. */
export function http2Client(origin: string, ca: string): Http2Client {
  const session = connect(origin, { ca })
  const streams: ClientHttp2Stream[] = []
  session.on('error', () => {})
  const http2Fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input)
    const head = Object.fromEntries(new Headers(init.headers))
    const stream = session.request(
      { ...head, ':method': init.method ?? 'GET', ':path': url.pathname + url.search },
      { endStream: init.body === undefined || init.body === null },
    )
    streams.push(stream)
    const leave = () => stream.close(constants.NGHTTP2_CANCEL)
    init.signal?.addEventListener('abort', leave, { once: true })
    if (init.signal?.aborted) leave()
    if (init.body) stream.end(init.body as string)
    const headers = await headOf(stream, init.signal ?? undefined)
    const { ':status': status, ...fields } = headers
    const known = new Headers()
    for (const [name, value] of Object.entries(fields)) {
      for (const one of [value].flat()) if (!name.startsWith(':') && one !== undefined) known.append(name, `${one}`)
    }
    return new Response(bodyOf(stream, init.signal ?? undefined), { status: Number(status), headers: known })
  }
  return {
    fetch: http2Fetch,
    session,
    streams,
    close: () => new Promise((resolve) => session.close(resolve)),
  }
}

type Head = Record<string, string | string[] | number | undefined>

const headOf = (stream: ClientHttp2Stream, signal: AbortSignal | undefined): Promise<Head> =>
  new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(headers as Head))
    stream.once('close', () => reject(signal?.reason ?? broken(stream)))
    stream.on('error', () => {})
  })

const broken = (stream: ClientHttp2Stream): TypeError =>
  new TypeError('fetch failed', { cause: new Error(`the stream was closed with code ${stream.rstCode}`) })

const EVENTS = ['readable', 'end', 'close'] as const

function bodyOf(stream: ClientHttp2Stream, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const more = () =>
    new Promise<void>((resolve) => {
      const done = () => {
        for (const event of EVENTS) stream.off(event, done)
        resolve()
      }
      for (const event of EVENTS) stream.on(event, done)
    })
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let chunk: Buffer | null = stream.read()
        while (chunk === null && !stream.readableEnded && !stream.destroyed) {
          await more()
          chunk = stream.read()
        }
        if (chunk !== null) controller.enqueue(chunk)
        else if (signal?.aborted) throw signal.reason
        else if (stream.rstCode || !stream.readableEnded) throw broken(stream)
        else controller.close()
      },
      cancel() {
        stream.close(constants.NGHTTP2_CANCEL)
      },
    },
    { highWaterMark: 0 },
  )
}
