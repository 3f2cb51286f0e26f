import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { type Limits, limitAnswer, sendBody } from './exchange.ts'

/** How a call began to be answered. */
export interface CallAnswer {
  readonly head: IncomingHttpHeaders
  readonly stream: ClientHttp2Stream
  /** There is no body: the head has how the call ended. */
  readonly isOver: boolean
  /** Known once the body is over. */
  readonly trailers: () => IncomingHttpHeaders | undefined
}

/** A connection without a call is ended after this long. */
const IDLE_MS = 60_000
const ignore = (): void => {}

/**
 * Calls of gRPC to one upstream, on one connection of HTTP/2: over TLS, or in the clear, as such services mostly listen.
 */
export class Calls {
  readonly #origin: string
  #session: ClientHttp2Session | undefined

  constructor({ origin }: URL) {
    this.#origin = origin
  }

  /**
   * Sends a call and its body as it comes; resolves with the head of the answer, which may come before the body is over.
   * @throws the system's error, the signal's reason, or what the body failed with
   */
  async exchange(target: URL, request: Request, headers: Headers, { signal, answerMs }: Limits): Promise<CallAnswer> {
    const { method, body } = request
    signal.throwIfAborted()
    const head = { ':method': method, ':path': target.pathname + target.search, te: 'trailers' }
    const stream = this.#connected().request({ ...Object.fromEntries(headers), ...head }, { signal, endStream: !body })
    const { promise, resolve, reject } = Promise.withResolvers<CallAnswer>()
    let ended: IncomingHttpHeaders | undefined
    stream.once('trailers', (fields) => {
      ended = fields
    })
    stream.once('response', (head, flags) => {
      const isOver = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
      resolve({ head, stream, isOver, trailers: () => ended })
    })
    // Later errors reach whoever reads the answer; without a listener they would end the process.
    stream.on('error', reject)
    stream.once('close', () => reject(new Error('the upstream broke off')))
    const limit = limitAnswer(stream, answerMs)
    if (body) sendBody(stream, body, limit.alive).catch((error: Error) => stream.destroy(error))
    try {
      return await promise
    } finally {
      limit.begun()
    }
  }

  #connected(): ClientHttp2Session {
    const known = this.#session
    if (known && !known.closed && !known.destroyed) return known
    const session = connect(this.#origin)
    const forget = () => {
      if (this.#session === session) this.#session = undefined
    }
    session.on('error', ignore) // its calls fail with it
    session.once('goaway', forget)
    session.once('close', forget)
    session.setTimeout(IDLE_MS, () => session.close())
    session.unref()
    this.#session = session
    return session
  }

  /** Ends the connection when its calls are over. */
  close(): void {
    this.#session?.close()
  }
}
