import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { StreamError } from '../../errors/error.ts'
import { isLoopbackHost } from '../../wire/loopback.ts'
import { acceptHttp2, type Http2 } from './http2.ts'
import { failure, notUnderstood } from './refusals.ts'
import { bodyOf, LightRequest, urlOf, type WebHandler } from './request.ts'
import { takeReader } from './response.ts'
import { clientGone, send } from './send.ts'

export type { WebHandler } from './request.ts'

export interface ServeOptions {
  /** The TCP port; 0 takes a free one. */
  readonly port: number
  /** The address to listen on. 127.0.0.1 by default. */
  readonly host?: string
  /** Certificate, in PEM; with its key, the server speaks TLS. None by default: plain http. */
  readonly cert?: string | Uint8Array
  /** The certificate's key, in PEM. None by default. */
  readonly key?: string | Uint8Array
  /** Serves plain http to other machines too, such as to one that speaks TLS in front of this one. False by default; loopback needs no leave. */
  readonly insecure?: boolean
  /** Told of what handlers throw and bodies fail with. The client is told of none but a StreamError's message. Nobody by default. */
  readonly onError?: (error: unknown) => void
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Stops listening, lets what runs finish for up to `withinMs` (1 s by default), then ends every connection. */
  close(withinMs?: number): Promise<void>
}

/** For how long the rest of a request is read and dropped when it was answered before it was whole. */
const LINGER_MS = 5000
const IDLE_CHECK_MS = 25

/**
 * Checks that credentials can stay secret: who reads one can use up its balance (spec section 7).
 * @throws StreamError `transport-insecure` for plain http that other machines hear, `option-invalid` for a certificate without its key
 */
export function checkServing({ host = '127.0.0.1', cert, key, insecure }: Omit<ServeOptions, 'port'>): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw new StreamError('option-invalid', 'https takes both a certificate and its key')
  }
  if (cert !== undefined || insecure || isLoopbackHost(host)) return
  throw new StreamError(
    'transport-insecure',
    `plain http on ${host || 'every address'} could be read on the way: serve https with a certificate and its key`,
    { host },
  )
}

/**
 * Serves a handler over node:http; with a certificate over TLS, HTTP/1.1 and HTTP/2 on one port.
 * @throws StreamError `transport-insecure` for plain http off loopback without `insecure`; the system's error, such as EADDRINUSE
 * @example const { url } = await serve(wall(handler), { port: 2402 })
 */
export async function serve(handler: WebHandler, options: ServeOptions): Promise<RunningServer> {
  checkServing(options)
  const { cert, key, host = '127.0.0.1', onError = ignore } = options
  const listener = toNodeListener(handler, onError)
  const tls = cert !== undefined && key !== undefined
  const server = tls
    ? createSecureServer({ cert: toPem(cert), key: toPem(key), ALPNProtocols: ['h2', 'http/1.1'] }, listener)
    : createServer(listener)
  const http2 = acceptHttp2(server, handler, onError)
  // An upload may take as long as it is paid for; the limit on headers stays.
  server.requestTimeout = 0
  server.on('checkContinue', (incoming, outgoing) => answer(handler, onError, incoming, outgoing, true))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A connection that cannot be accepted (no more descriptors) must not end the process.
  server.on('error', onError)
  const { port } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `${tls ? 'https' : 'http'}://${name}:${port}`,
    port,
    server,
    close: (withinMs = 1000) => closeServer(server, http2, withinMs),
  }
}

const toPem = (pem: string | Uint8Array): string | Buffer => (typeof pem === 'string' ? pem : Buffer.from(pem))

async function closeServer(server: Server, http2: Http2, withinMs: number): Promise<void> {
  // Connections that become idle while closing would otherwise be kept alive.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
  http2.close()
  const bound = setTimeout(() => {
    server.closeAllConnections()
    http2.destroy()
  }, withinMs)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  clearInterval(idle)
  clearTimeout(bound)
}

/**
 * A node:http listener for a handler. Ours, and no library's, because a meter needs what most adapters hide: the body's next
 * chunk is asked for only when the socket took the one before, a client that leaves ends the body at once, and a body that
 * fails never looks whole.
 * @example http.createServer(toNodeListener(wall(handler)))
 */
export function toNodeListener(
  handler: WebHandler,
  onError: (error: unknown) => void = ignore,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => answer(handler, onError, incoming, outgoing, false)
}

/** `awaited`: the client sends its body only once it is asked to (`Expect: 100-continue`). */
function answer(
  handler: WebHandler,
  onError: (error: unknown) => void,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  awaited: boolean,
): void {
  const url = urlOf(incoming)
  if (url === undefined || incoming.method === 'TRACE') {
    misunderstood(outgoing)
    return
  }
  const { shouldKeepAlive } = outgoing
  // Until its body is asked for, the client cannot tell what on this connection would be read as one.
  if (awaited) outgoing.shouldKeepAlive = false
  const light = new LightRequest(
    incoming,
    url,
    () => bodyOf(incoming),
    () => {
      if (!awaited || outgoing.headersSent) return
      outgoing.shouldKeepAlive = shouldKeepAlive
      outgoing.writeContinue()
    },
  )
  const request = light as unknown as Request
  outgoing.on('error', ignore) // 'close' follows, and says as much
  outgoing.once('close', () => {
    // Without 'finish' the client is gone before the answer was whole.
    if (!outgoing.writableFinished) light.abort(clientGone())
    else if (!incoming.complete) linger(incoming)
  })
  if (!outgoing.socket) followQueued(incoming, outgoing)
  const fail = (error: unknown) => {
    const gone = outgoing.destroyed
    refuse(outgoing, error)
    // What ends because its client left is no failure.
    if (!gone) onError(error)
  }
  const proceed = (response: Response): void | Promise<void> => {
    if (outgoing.destroyed) return takeReader(response)?.cancel(clientGone())
    return send(response, outgoing, incoming.method === 'HEAD')
  }
  try {
    const response = handler(request)
    if (response instanceof Response) proceed(response)?.catch(fail)
    else response.then(proceed).catch(fail)
  } catch (error) {
    fail(error)
  }
}

const ignore = (): void => {}

/** An answer that waits behind another on its connection (pipelining) is not told by Node that the client left. */
function followQueued(incoming: IncomingMessage, outgoing: ServerResponse): void {
  incoming.once('close', () => {
    if (!incoming.errored || outgoing.socket || outgoing.destroyed) return
    outgoing.destroy()
    outgoing.emit('close')
  })
}

function misunderstood(outgoing: ServerResponse): void {
  outgoing.setHeader('connection', 'close')
  void send(notUnderstood(), outgoing, false)
}

/** Reads on for a while, so that the client sees the answer and not a reset, and the connection can be used again. */
function linger(incoming: IncomingMessage): void {
  incoming.removeAllListeners('readable')
  // A stream that lost its listeners stops flowing on the next tick, and would then never end: only after that it is told to flow.
  process.nextTick(() => incoming.resume())
  const timer = setTimeout(() => {
    // Once it is whole, the connection may carry the next answer.
    if (!incoming.complete) incoming.socket.destroy()
  }, LINGER_MS)
  incoming.once('close', () => clearTimeout(timer))
}

/** A failure before the answer began is a problem document; after that only a broken connection is honest. */
function refuse(outgoing: ServerResponse, error: unknown): void {
  if (outgoing.destroyed) return
  if (outgoing.headersSent) {
    breakOff(outgoing)
    return
  }
  void send(failure(error), outgoing, false)
}

/**
 * Ends a connection in the middle of an answer. What is on its way still arrives: it was counted. The client sees that a
 * chunk or a part of the length is missing; in HTTP/1.0 the end of the connection may be the end of the body, and only a
 * reset shows it.
 */
function breakOff(outgoing: ServerResponse): void {
  const { socket, req } = outgoing
  if (socket && req.httpVersion === '1.0' && !('encrypted' in socket)) socket.resetAndDestroy()
  else outgoing.destroy()
}
