import { lookup as lookUp } from 'node:dns'
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { type OwnSending, SEND } from '../buyer/requests/sending.ts'
import { knownResponse, readResponse } from '../seller/adapters/response.ts'
import { drained } from '../seller/drained.ts'
import { bodyOfAnswer } from '../seller/sources/upstream/body.ts'
import { answerHeaders } from './headers.ts'
import type { Reachable } from './reach.ts'
import type { Upload } from './upload.ts'

/** How long a server may take to answer, and between two pieces of an answer. Those that were paid are given up sooner, by the buyer. */
const SILENCE_MS = 600_000
/** Idle connections are let go after this. */
const IDLE_MS = 60_000
const IDLE_SOCKETS = 32
/** What may lie read and not asked for, in bytes: large bodies then go on in few large pieces. */
const READ_AHEAD = 256 << 10
/** How long a server may take to ask for a large body; one that does not know of this gets it then. As curl does. */
const CONTINUE_MS = 1000
/** Of an answer that nobody reads so much is taken, so that its connection can be used again. */
const MAX_DRAINED = 64 << 10
const BODILESS = new Set([204, 205, 304])
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The part of a request that is sent. */
export interface Sending {
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array | Upload | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * What the proxy sends requests with, in the place of `fetch`: bodies go through as they come and as they are encoded, and no name leads
 * into a network that is not open.
 */
export class Upstream {
  /** Looks names up, and uses no address that is not open to the name. */
  readonly lookup: LookupFunction
  readonly #reachable: Reachable
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(reachable: Reachable) {
    this.#reachable = reachable
    this.lookup = guarded(reachable)
    const options = {
      keepAlive: true,
      maxFreeSockets: IDLE_SOCKETS,
      scheduling: 'lifo',
      highWaterMark: READ_AHEAD,
      timeout: IDLE_MS,
      lookup: this.lookup,
    } as const
    this.#http = new HttpAgent(options)
    this.#https = new HttpsAgent(options)
  }

  /** For the buyer's own requests, such as acceptances. */
  readonly fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const { [SEND]: _, ...rest } = init as OwnSending
    const { method = 'GET', headers, body, signal, redirect } = rest
    const bytes =
      body === undefined || body === null ? undefined : new Uint8Array(await new Response(body).arrayBuffer())
    const sending = { method, headers: new Headers(headers), body: bytes, signal: signal ?? undefined }
    const response = await this.send(new URL(input instanceof Request ? input.url : input), sending)
    if (redirect !== 'error' || response.status < 300 || response.status > 399 || !response.headers.has('location')) {
      return response
    }
    await response.body?.cancel()
    throw new TypeError('a redirect was not expected')
  }

  /**
   * Sends a request, and its body as it comes.
   * @throws StreamError `target-refused`, `seller-unreachable`-like system errors, the signal's reason
   */
  async send(url: URL, sending: Sending): Promise<Response> {
    this.#reachable.check(url)
    for (let tries = 0; ; tries++) {
      const outgoing = this.#open(url, sending)
      try {
        return await answerOf(await answered(outgoing, sending.body), sending.method)
      } catch (error) {
        sending.signal?.throwIfAborted()
        // A server may close a kept connection just when it is used again. Nothing was answered, and there is nothing to lose.
        const idle = outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (!idle || sending.body || !SAFE.has(sending.method) || tries > 0) throw error
      }
    }
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #open(url: URL, { method, headers, signal, body }: Sending): ClientRequest {
    const isSecure = url.protocol === 'https:'
    const outgoing = (isSecure ? httpsRequest : httpRequest)(url, {
      method,
      agent: isSecure ? this.#https : this.#http,
      ...(signal && { signal }),
    })
    for (const [name, value] of headers) outgoing.setHeader(name, value)
    if (body instanceof Uint8Array) outgoing.setHeader('content-length', body.byteLength)
    return outgoing
  }
}

function guarded(reachable: Reachable): LookupFunction {
  return (hostname, options, callback) => {
    lookUp(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const refusal = reachable.refusal(
        hostname,
        found.map(({ address }) => address),
      )
      if (refusal) return callback(refusal, [])
      if (options.all) callback(null, found)
      else callback(null, found[0]!.address, found[0]!.family)
    })
  }
}

async function answered(outgoing: ClientRequest, body: Sending['body']): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.once('response', resolve)
  // Later errors reach whoever reads the answer; without a listener they would end the process.
  outgoing.on('error', reject)
  outgoing.once('upgrade', (_message, socket) => {
    socket.destroy()
    reject(new Error('the server switched protocols unasked'))
  })
  const silent = setTimeout(() => outgoing.destroy(new Error(`no answer within ${SILENCE_MS} ms`)), SILENCE_MS)
  const uploading =
    body === undefined || body instanceof Uint8Array ? outgoing.end(body) && undefined : upload(outgoing, body, reject)
  try {
    const incoming = await promise
    // The rest of a body that was answered before it was whole is not sent.
    if (uploading) incoming.once('close', () => outgoing.destroy())
    return incoming
  } finally {
    clearTimeout(silent)
    uploading?.()
  }
}

/**
 * Sends a large body once the server asks for it: one that wants money first says so before, and the body is there to be sent again.
 * @returns what keeps it from being begun any more
 */
function upload(outgoing: ClientRequest, body: Upload, fail: (error: Error) => void): () => void {
  let begun = false
  const begin = () => {
    if (begun || outgoing.destroyed) return
    begun = true
    pump(outgoing, body).catch((error: Error) => {
      outgoing.destroy(error)
      fail(error)
    })
  }
  outgoing.setHeader('expect', '100-continue')
  outgoing.once('continue', begin)
  outgoing.flushHeaders()
  const timer = setTimeout(begin, CONTINUE_MS)
  return () => {
    clearTimeout(timer)
    begun = true
  }
}

/** One chunk for one drained socket. */
async function pump(outgoing: ClientRequest, body: Upload): Promise<void> {
  for (let index = 0; ; index++) {
    const chunk = await body.chunk(index)
    if (outgoing.destroyed) return
    if (!chunk) break
    if (!outgoing.write(chunk)) await drained(outgoing)
  }
  outgoing.end()
}

async function answerOf(incoming: IncomingMessage, method: string): Promise<Response> {
  const status = incoming.statusCode ?? 0
  const init = { status, statusText: incoming.statusMessage ?? '', headers: answerHeaders(incoming) }
  if (method === 'HEAD' || BODILESS.has(status)) {
    incoming.resume()
    return knownResponse(null, init)
  }
  const reader = bodyOfAnswer(incoming, incoming, SILENCE_MS, async () => {})
  const cancel = async () => {
    const isSmall =
      status >= 300 && Number(incoming.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= MAX_DRAINED
    if (!isSmall) return reader.cancel()
    incoming.removeAllListeners('readable')
    process.nextTick(() => incoming.resume())
  }
  return readResponse({ read: () => reader.read(), cancel }, init)
}
