import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parseCredential } from '../../../src/wire/credential.ts'
import { nowUs, until } from './clock.ts'
import { good, isGood, PieceCounter } from './goods.ts'
import type { Random } from './random.ts'

/** What reached the far side of the seller's socket for one agreement. */
export interface Delivered {
  readonly good: string
  steps: number
  /** When how many steps had come, in all. */
  readonly seen: Array<{ readonly t: number; readonly steps: number }>
  /** Answers that began. */
  answers: number
}

const DRAINED_MS = 30_000

/**
 * The way between buyers and seller, in the process that is never killed: it passes HTTP on, chunk by chunk and no faster than
 * it is taken, counts what the seller lets out, and cuts connections or falls silent when told to.
 */
export class Wire {
  readonly delivered = new Map<string, Delivered>()
  readonly #to: number
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true })
  readonly #upstreams = new Set<Socket>()
  readonly #downstreams = new Set<Socket>()
  readonly #flows = new Set<IncomingMessage>()
  #silent = false
  #draining = false

  /** @param to the seller's port */
  constructor(to: number) {
    this.#to = to
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
    this.#server.requestTimeout = 0
    this.#server.on('connection', (socket) => keep(this.#downstreams, socket))
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => resolve())
    })
  }

  /** Ends connections at once, each with this likelihood. Returns how many. */
  cut(chance: number, by: Random): number {
    const chosen = [...this.#downstreams].filter(() => by.next() < chance)
    for (const socket of chosen) socket.resetAndDestroy()
    return chosen.length
  }

  /** Nothing passes until it is told otherwise; connections stay. */
  silence(silent: boolean): void {
    this.#silent = silent
    for (const flow of this.#flows) {
      if (silent && !this.#draining) flow.pause()
      else flow.resume()
    }
  }

  /** Reads all that a seller which is gone had sent, also what its reader does not take yet, and resolves when it is counted. */
  async drained(): Promise<void> {
    this.#draining = true
    this.silence(false)
    try {
      await until('the end of the connections to a killed seller', DRAINED_MS, () => this.#isDrained)
    } finally {
      this.#draining = false
    }
  }

  /** An answer that had come whole outlives its connection, until its reader takes the rest. */
  get #isDrained(): boolean {
    return this.#upstreams.size === 0 && [...this.#flows].every(({ readableLength }) => readableLength === 0)
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const broken = (): void => void outgoing.socket?.destroy()
    const { method, url, headers } = incoming
    const upstream = request({ host: '127.0.0.1', port: this.#to, method, path: url, headers, agent: this.#agent })
    upstream.on('socket', (socket) => {
      if (!this.#upstreams.has(socket)) keep(this.#upstreams, socket)
    })
    upstream.on('error', broken)
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) upstream.destroy()
    })
    upstream.once('response', (answer) => {
      answer.on('error', broken).once('aborted', broken)
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
      // Headers may be all that comes for a while, and whoever asked waits for them.
      outgoing.flushHeaders()
      this.#flow(answer, outgoing, this.#counter(incoming, answer))
    })
    incoming.pipe(upstream)
  }

  #flow(answer: IncomingMessage, outgoing: ServerResponse, count: (part: Uint8Array) => void): void {
    keep(this.#flows, answer)
    answer.on('data', (part: Buffer) => {
      count(part)
      if (outgoing.write(part) || this.#draining) return
      answer.pause()
      outgoing.once('drain', () => {
        if (!this.#silent) answer.resume()
      })
    })
    answer.once('end', () => outgoing.end())
    if (this.#silent) answer.pause()
  }

  /** What the parts of this answer add to what was delivered. Only a 2xx answer to `use` delivers. */
  #counter({ headers, url = '' }: IncomingMessage, { statusCode = 0 }: IncomingMessage): (part: Uint8Array) => void {
    const name = new URL(url, 'http://wire').pathname.slice(1)
    const agreement = headers.authorization && usedBy(headers.authorization)
    if (!agreement || !isGood(name) || statusCode < 200 || statusCode > 299) return () => {}
    const delivered = this.delivered.get(agreement) ?? { good: name, steps: 0, seen: [], answers: 0 }
    this.delivered.set(agreement, delivered)
    delivered.answers++
    const add = (steps: number): void => {
      if (steps === 0) return
      delivered.steps += steps
      delivered.seen.push({ t: nowUs(), steps: delivered.steps })
    }
    const of = good(name)
    if (!of.piece) add(of.stepsAPiece)
    const counter = new PieceCounter(of)
    return (part) => add(counter.push(part))
  }
}

/** The agreement that a credential uses; `undefined` for any other action. */
export function usedBy(authorization: string): string | undefined {
  try {
    const { payload } = parseCredential(authorization)
    return payload.action === 'use' ? payload.agreement : undefined
  } catch {
    return undefined
  }
}

function keep<T extends Socket | IncomingMessage>(all: Set<T>, one: T): void {
  all.add(one)
  one.once('close', () => all.delete(one))
}
