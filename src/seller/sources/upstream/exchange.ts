import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { drained } from '../../drained.ts'

/** Idle connections that are kept to one upstream. */
const IDLE_SOCKETS = 64
/** What may lie read and not asked for, in bytes: large bodies then go on in few large pieces. */
const READ_AHEAD = 256 << 10

/** The connections to one upstream, kept alive between requests. */
export class Connections {
  readonly #agent: HttpAgent
  readonly #send: typeof httpRequest

  constructor({ protocol }: URL) {
    const options = {
      keepAlive: true,
      maxFreeSockets: IDLE_SOCKETS,
      scheduling: 'lifo',
      highWaterMark: READ_AHEAD,
    } as const
    this.#agent = protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
    this.#send = protocol === 'https:' ? httpsRequest : httpRequest
  }

  /**
   * Sends a request and its body as it comes; resolves with the head of the answer.
   * @throws the system's error, the signal's reason, or what the body failed with
   */
  async exchange(target: URL, { method, body }: Request, headers: Headers, limits: Limits): Promise<IncomingMessage> {
    for (let tries = 0; ; tries++) {
      const outgoing = this.#send(target, { method, agent: this.#agent, signal: limits.signal })
      for (const [name, value] of headers) outgoing.setHeader(name, value)
      try {
        return await answered(outgoing, body, limits.answerMs)
      } catch (error) {
        // The upstream may close a kept connection just when it is used again. Nothing was answered, and there is nothing to lose.
        const idle = outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (!idle || body || !SAFE.has(method) || tries > 0 || limits.signal.aborted) throw error
      }
    }
  }

  /** Ends the idle connections, and each other one when its request is over. */
  close(): void {
    this.#agent.maxFreeSockets = 0
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }
}

export interface Limits {
  readonly signal: AbortSignal
  /** How long the head of the answer may take, once the request was sent. In ms. */
  readonly answerMs: number
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

async function answered(
  outgoing: ClientRequest,
  body: ReadableStream<Uint8Array> | null,
  answerMs: number,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.once('response', resolve)
  // Later errors reach whoever reads the answer; without a listener they would end the process.
  outgoing.on('error', reject)
  outgoing.once('upgrade', (_message, socket) => {
    socket.destroy()
    reject(new Error('the upstream switched protocols unasked'))
  })
  const limit = limitAnswer(outgoing, answerMs)
  if (body) {
    sendBody(outgoing, body, limit.alive).catch((error: Error) => {
      outgoing.destroy(error)
      reject(error)
    })
  } else outgoing.end()
  try {
    const incoming = await promise
    if (body) incoming.once('close', () => outgoing.destroy())
    return incoming
  } finally {
    limit.begun()
  }
}

/** Ends what an upstream does not begin to answer in time: counted anew by `alive`, and over with `begun`. */
export function limitAnswer(outgoing: ClientRequest | ClientHttp2Stream, answerMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isBegun = false
  const alive = () => {
    clearTimeout(timer)
    if (isBegun) return
    timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${answerMs} ms`)), answerMs)
  }
  const begun = () => {
    isBegun = true
    clearTimeout(timer)
  }
  alive()
  return { alive, begun }
}

/** One chunk of the buyer's for one drained socket. Each that leaves shows that the request is alive. */
export async function sendBody(
  outgoing: ClientRequest | ClientHttp2Stream,
  body: ReadableStream<Uint8Array>,
  alive: () => void,
): Promise<void> {
  const reader = body.getReader()
  const gone = () => void reader.cancel().catch(() => {})
  outgoing.once('close', gone)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (outgoing.destroyed) return
      if (done) break
      if (!outgoing.writableEnded && !outgoing.write(value)) await drained(outgoing)
      alive()
    }
    outgoing.end()
  } finally {
    outgoing.off('close', gone)
  }
}
