import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { toStreamError } from '../../errors/error.ts'
import { PROBLEM_TYPE, toProblem } from '../../wire/problem.ts'
import { requestOf } from './request.ts'

/** Any function from a Request to a Response. */
export type WebHandler = (request: Request) => Response | Promise<Response>

export interface ServeOptions {
  readonly port: number
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** PEM; with both, the server speaks TLS. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly onError?: (error: unknown) => void
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Stops listening, lets what runs finish for up to `withinMs`, then ends every connection. */
  close(withinMs?: number): Promise<void>
}

/**
 * Serves a handler over node:http.
 * @throws the system's error, such as EADDRINUSE
 * @example const { url } = await serve(wall(handler), { port: 2402 })
 */
export async function serve(handler: WebHandler, options: ServeOptions): Promise<RunningServer> {
  const { cert, key, host = '127.0.0.1' } = options
  const listener = toNodeListener(handler, options.onError)
  const tls = cert !== undefined && key !== undefined
  const server = tls ? createSecureServer({ cert: toPem(cert), key: toPem(key) }, listener) : createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `${tls ? 'https' : 'http'}://${name}:${port}`,
    port,
    server,
    close: (withinMs = 1000) => closeServer(server, withinMs),
  }
}

const toPem = (pem: string | Uint8Array): string | Buffer => (typeof pem === 'string' ? pem : Buffer.from(pem))

async function closeServer(server: Server, withinMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), withinMs)
  await closed
  clearTimeout(timer)
}

/**
 * A node:http listener for a handler. Ours, and no library's, because a meter needs what most adapters hide: the body's next
 * chunk is asked for only when the socket took the one before, and a client that leaves ends the body at once.
 * @example http.createServer(toNodeListener(wall(handler)))
 */
export function toNodeListener(handler: WebHandler, onError: (error: unknown) => void = () => {}) {
  return (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { request, leave } = requestOf(incoming)
    // 'close' without 'finish': the client is gone before the answer was whole.
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) leave()
    })
    answer(handler, request, outgoing).catch((error) => {
      onError(error)
      refuse(outgoing, error)
    })
  }
}

async function answer(handler: WebHandler, request: Request, outgoing: ServerResponse): Promise<void> {
  const response = await handler(request)
  if (outgoing.destroyed) {
    await response.body?.cancel(new Error('the client is gone'))
    return
  }
  outgoing.statusCode = response.status
  if (response.statusText) outgoing.statusMessage = response.statusText
  const cookies = response.headers.getSetCookie()
  for (const [name, value] of response.headers) if (name !== 'set-cookie') outgoing.setHeader(name, value)
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies)
  if (!response.body) {
    outgoing.end()
    return
  }
  if (request.method === 'HEAD') {
    await response.body.cancel()
    outgoing.end()
    return
  }
  await pump(response.body, outgoing)
}

/** Writes a body with exact backpressure: the source is read only when the socket has room. */
async function pump(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader()
  const gone = () => void reader.cancel(new Error('the client is gone')).catch(() => {})
  outgoing.once('close', gone)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || outgoing.destroyed) break
      // Invariant: no chunk is asked for while the socket is full, so a reader that pauses pauses the source.
      if (!outgoing.write(value)) await room(outgoing)
    }
  } finally {
    outgoing.off('close', gone)
  }
  outgoing.end()
}

function room(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    if (outgoing.destroyed) return resolve()
    outgoing.on('drain', done)
    outgoing.on('close', done)
  })
}

/** A failure before the answer began is a problem document; after that only a broken connection is honest. */
function refuse(outgoing: ServerResponse, error: unknown): void {
  if (outgoing.headersSent) {
    outgoing.destroy()
    return
  }
  const known = toStreamError(error)
  const problem = toProblem(known)
  const detail = known.code === 'internal' ? 'the service failed' : problem.detail
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name)
  outgoing.writeHead(problem.status, { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' })
  outgoing.end(JSON.stringify({ ...problem, detail }))
}
