import type { ServerResponse } from 'node:http'
import { knownBody } from './response.ts'

/**
 * Writes a response. Rejects when the body fails: then the answer is not whole, and `fail` must end the connection.
 * @throws what the body stream failed with; TypeError for a chunk that is not bytes
 */
export function send(response: Response, outgoing: ServerResponse, headOnly: boolean): void | Promise<void> {
  const known = knownBody(response)
  if (known !== undefined) return sendKnown(response, known, outgoing)
  const { body } = response
  if (!body || headOnly) {
    writeHead(response, outgoing)
    outgoing.end()
    return body?.cancel()
  }
  return pump(response, body.getReader(), outgoing)
}

function sendKnown(response: Response, body: string | Uint8Array | null, outgoing: ServerResponse): void {
  const { headers, status } = response
  const bodiless = status === 204 || status === 304
  if (body === null || bodiless) {
    writeHead(response, outgoing)
    outgoing.end()
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
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = () => void reader.cancel(clientGone()).catch(() => {})
  outgoing.once('close', gone)
  // The head travels with the first chunk, unless that lets itself be waited for.
  const waiting = setImmediate(() => {
    writeHead(response, outgoing)
    outgoing.flushHeaders()
  })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      clearImmediate(waiting)
      if (outgoing.destroyed) return
      if (!done && !(value instanceof Uint8Array)) throw new TypeError('a body is made of Uint8Array chunks')
      if (!outgoing.headersSent) writeHead(response, outgoing)
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

function writeHead(response: Response, outgoing: ServerResponse): void {
  const fields: string[] = []
  // Iteration yields each set-cookie by itself and joins what may be joined.
  for (const [name, value] of response.headers) fields.push(name, value)
  // A body that is longer or shorter than announced would pass for another answer on the same connection: it throws instead.
  outgoing.strictContentLength = true
  if (response.statusText) outgoing.writeHead(response.status, response.statusText, fields)
  else outgoing.writeHead(response.status, fields)
}

export const clientGone = (): DOMException => new DOMException('the client is gone', 'AbortError')

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
    if (outgoing.destroyed) done()
  })
}
