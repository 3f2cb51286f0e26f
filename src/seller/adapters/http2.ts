import type { Server } from 'node:http'
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { grpcRefusal } from '../../wire/grpc.ts'
import { failure, notUnderstood, problemOf } from './refusals.ts'
import { LightRequest, urlFrom, type WebHandler } from './request.ts'
import { takeReader } from './response.ts'
import { clientGone, send } from './send.ts'

/** The HTTP/2 sessions of a server. */
export interface Http2 {
  /** Accepts no further stream; what runs goes on. */
  close(): void
  destroy(): void
}

/** Requests at once on one connection; more wait at the client. */
const MAX_STREAMS = 128
/** As many bytes of headers as Node's HTTP/1.1 accepts. */
const MAX_HEADER_BYTES = 16_384
/** A session without a stream is ended after this long. */
const IDLE_MS = 60_000

/**
 * Serves clients of a TLS server that choose HTTP/2, and leaves all others to the server itself, unchanged. The promises are those
 * of HTTP/1.1 (`toNodeListener`), for each stream by itself: the next chunk is asked for when the stream's window took the one
 * before, a client that resets its stream ends the body at once, and a body that fails ends with RST_STREAM.
 */
export function acceptHttp2(server: Server, handler: WebHandler, onError: (error: unknown) => void): Http2 {
  const sessions = new Set<ServerHttp2Session>()
  let closing = false
  const http1 = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol !== 'h2') {
      for (const listener of http1) listener.call(server, socket)
      return
    }
    const settings = { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES }
    const session = performServerHandshake(socket, { settings })
    sessions.add(session)
    session.on('error', ignore) // 'close' follows
    session.once('close', () => sessions.delete(session))
    session.setTimeout(IDLE_MS, () => session.close())
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      answer(handler, onError, stream, headers, rawHeaders as unknown as string[])
    })
    if (closing) session.close()
  })
  return {
    close() {
      closing = true
      for (const session of sessions) session.close()
    },
    destroy() {
      for (const session of sessions) session.destroy()
    },
  }
}

const ignore = (): void => {}

function answer(
  handler: WebHandler,
  onError: (error: unknown) => void,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): void {
  const { ':method': method, ':path': path } = headers
  stream.on('error', ignore) // 'close' follows, and says as much
  const url = urlFrom('https', headers[':authority'] ?? headers.host, path)
  if (url === undefined || method === 'TRACE' || method === 'CONNECT') {
    void send(notUnderstood(), stream, false)
    return
  }
  // Read now: the socket of a session that is gone cannot be asked.
  const remoteAddress = stream.session?.socket.remoteAddress
  const head = { method, rawHeaders: withoutPseudo(rawHeaders), socket: { remoteAddress } }
  const light = new LightRequest(
    head,
    url,
    () => (stream.endAfterHeaders ? undefined : stream),
    () => {
      if (headers.expect === '100-continue' && !stream.headersSent) stream.additionalHeaders({ ':status': 100 })
    },
  )
  stream.once('close', () => {
    if (!stream.writableFinished) light.abort(clientGone())
  })
  // The rest of a request that was answered before it was whole is not wanted (RFC 9113, section 8.1).
  stream.once('finish', () => {
    if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR)
  })
  let failed: { readonly error: unknown } | undefined
  const trailers = () =>
    failed ? new Headers(grpcRefusal(problemOf(failed.error))) : (light.trailers?.() ?? new Headers())
  const fail = (error: unknown) => {
    const gone = stream.destroyed || stream.closed
    failed = { error }
    // The end of a call is in its trailers: there it can be told why it is none, also in the middle of the answer.
    if (stream.headersSent && light.trailers && !stream.writableEnded && !gone) stream.end()
    else refuse(stream, error)
    // What ends because its client left is no failure.
    if (!gone) onError(error)
  }
  const proceed = (response: Response): void | Promise<void> => {
    if (stream.destroyed) return takeReader(response)?.cancel(clientGone())
    return send(response, stream, method === 'HEAD', light.trailers && trailers)
  }
  try {
    const response = handler(light as unknown as Request)
    if (response instanceof Response) proceed(response)?.catch(fail)
    else response.then(proceed).catch(fail)
  } catch (error) {
    fail(error)
  }
}

/** A failure before the answer began is a problem document; after that the stream is reset, when what left before is on its way. */
function refuse(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed) return
  // Not `close`: that ends the body first, and it would look whole.
  if (stream.headersSent) setImmediate(() => stream.destroy(new Error('the body failed')))
  else void send(failure(error), stream, false)
}

/** `:method` and its like come first, by turns with their values. */
function withoutPseudo(rawHeaders: readonly string[]): readonly string[] {
  let first = 0
  while (rawHeaders[first]?.startsWith(':')) first += 2
  return rawHeaders.slice(first)
}
