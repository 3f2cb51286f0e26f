import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { drained } from '../drained.ts'
import { type BodyReader, knownBody, takeReader } from './response.ts'

/** Where an answer is written: a message of HTTP/1.1, or a stream of HTTP/2. */
export type Outgoing = ServerResponse | ServerHttp2Stream

/**
 * Writes a response. Rejects when the body fails: then the answer is not whole, and `fail` must end the connection.
 * @param trailers what follows the body, where there is one: of HTTP/2 alone
 * @throws what the body stream failed with; TypeError for a chunk that is not bytes
 */
export function send(
  response: Response,
  outgoing: Outgoing,
  headOnly: boolean,
  trailers?: () => Headers,
): void | Promise<void> {
  const known = knownBody(response)
  if (known !== undefined) return sendKnown(response, known, outgoing)
  const reader = takeReader(response)
  if (!reader || headOnly) {
    sendHead(response, outgoing)
    return reader?.cancel()
  }
  return pump(response, reader, outgoing, trailers)
}

function sendKnown(response: Response, body: string | Uint8Array | null, outgoing: Outgoing): void {
  const { headers, status } = response
  const bodiless = status === 204 || status === 304
  if (body === null || bodiless) {
    sendHead(response, outgoing)
    return
  }
  if (!headers.has('content-length')) headers.set('content-length', `${Buffer.byteLength(body)}`)
  writeHead(response, outgoing)
  // For HEAD node:http drops the body and keeps its length.
  outgoing.end(body)
}

/** Writes a body with exact backpressure, and cancels it at once when the client leaves. */
async function pump(
  response: Response,
  reader: BodyReader,
  outgoing: Outgoing,
  trailers: (() => Headers) | undefined,
): Promise<void> {
  const gone = () => void reader.cancel(clientGone()).catch(() => {})
  outgoing.once('close', gone)
  // The head travels with the first chunk, unless that lets itself be waited for.
  const waiting = setImmediate(() => {
    writeHead(response, outgoing, trailers)
    if (!isStream(outgoing)) outgoing.flushHeaders()
  })
  const length = new Length(response, outgoing)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      clearImmediate(waiting)
      if (outgoing.destroyed) return
      if (!done && !(value instanceof Uint8Array)) throw new TypeError('a body is made of Uint8Array chunks')
      if (!outgoing.headersSent) writeHead(response, outgoing, trailers)
      length.count(done, value)
      if (done) break
      // Invariant: no chunk is asked for before the socket took the one before, so a reader that pauses pauses the source.
      if (!outgoing.write(value)) await drained(outgoing)
    }
    outgoing.end()
  } catch (error) {
    reader.cancel(error).catch(() => {})
    throw error
  } finally {
    clearImmediate(waiting)
    outgoing.off('close', gone)
  }
}

/** An answer without a body. In HTTP/2 it is one frame: clients of gRPC take such headers for trailers. */
function sendHead(response: Response, outgoing: Outgoing): void {
  if (isStream(outgoing)) return outgoing.respond(streamHead(response), { endStream: true })
  writeHead(response, outgoing)
  outgoing.end()
}

function writeHead(response: Response, outgoing: Outgoing, trailers?: () => Headers): void {
  if (isStream(outgoing)) {
    outgoing.respond(streamHead(response), { waitForTrailers: trailers !== undefined })
    if (trailers) outgoing.once('wantTrailers', () => sendTrailers(outgoing, trailers))
    return
  }
  const fields: Array<string | number> = []
  // Iteration yields each set-cookie by itself and joins what may be joined. A length as a number: Node 22.13 holds a text against the
  // number that it counted, and finds them different.
  for (const [name, value] of response.headers) fields.push(name, name === 'content-length' ? Number(value) : value)
  // A body that is longer or shorter than announced would pass for another answer on the same connection: it throws instead.
  outgoing.strictContentLength = true
  if (response.statusText) outgoing.writeHead(response.status, response.statusText, fields)
  else outgoing.writeHead(response.status, fields)
}

function sendTrailers(stream: ServerHttp2Stream, trailers: () => Headers): void {
  try {
    stream.sendTrailers(Object.fromEntries(trailers()))
  } catch {
    // What HTTP/2 has no place for. Without them an answer does not look whole.
    stream.destroy(new Error('the trailers cannot be sent'))
  }
}

export const isStream = (outgoing: Outgoing): outgoing is ServerHttp2Stream => 'respond' in outgoing

/** What speaks of one connection has no place in HTTP/2 (RFC 9113, section 8.2.2), nor has a reason phrase. */
const OF_A_CONNECTION = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']

function streamHead({ status, headers }: Response): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = { ':status': status }
  for (const [name, value] of headers) {
    if (OF_A_CONNECTION.includes(name)) continue
    head[name] = name === 'set-cookie' ? headers.getSetCookie() : value
  }
  return head
}

/** Holds a body against the length that was announced, where Node does not: in HTTP/2. */
class Length {
  #left: number | undefined

  constructor({ headers }: Response, outgoing: Outgoing) {
    const announced = headers.get('content-length')
    if (isStream(outgoing) && announced !== null) this.#left = Number(announced)
  }

  count(done: boolean, chunk: Uint8Array | undefined): void {
    if (this.#left === undefined) return
    this.#left -= chunk?.byteLength ?? 0
    if (this.#left < 0 || (done && this.#left > 0)) throw new TypeError('the body has another length than announced')
  }
}

export const clientGone = (): DOMException => new DOMException('the client is gone', 'AbortError')
