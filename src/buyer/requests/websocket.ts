import type { IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import { WebSocket } from 'ws'
import { StreamError } from '../../errors/error.ts'
import type { Buyer } from '../buyer.ts'
import { type OwnSending, SEND } from './sending.ts'

export interface WebSocketOptions {
  /** Subprotocols to ask for, best first. None by default. */
  readonly protocols?: readonly string[]
  /** Sent with the upgrade. None by default. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the opening, and then the socket at once: what reads it gets the signal's reason. None by default. */
  readonly signal?: AbortSignal
  /** What looks names up. The system by default. */
  readonly lookup?: LookupFunction
}

/** A WebSocket that is paid for while it is used. What is sent and what is received counts alike. */
export interface PaidWebSocket extends AsyncIterable<string | Uint8Array> {
  readonly protocol: string
  /**
   * Sends a message; resolves when it has left.
   * @throws StreamError `stream-interrupted` once the socket is closed
   */
  send(data: string | Uint8Array): Promise<void>
  /** Ends it; what was received before can still be read. */
  close(code?: number, reason?: string): Promise<void>
}

const MAX_MESSAGE = 16 << 20
const MAX_REFUSAL = 64 << 10
/** The seller's word for a payment that stopped. */
const PAYMENT_ENDED = 4402
/** Messages that lie unread before the socket is held. */
const MAX_UNREAD = 8

/**
 * Opens a WebSocket at a seller, pays for it within the buyer's limits, and reads it as `for await`. Node only: browsers cannot send the
 * credential with an upgrade.
 * @param url ws:// or wss://, or the http:// and https:// that they stand for
 * @throws StreamError as `Buyer.fetch`; `seller-failed` where no WebSocket is opened. Reading rejects with what ended it before its time
 * @example
 * const socket = await openWebSocket(buyer, 'wss://feed.example/quotes')
 * for await (const message of socket) console.log(message)
 */
export async function openWebSocket(
  buyer: Buyer,
  url: string | URL,
  options: WebSocketOptions = {},
): Promise<PaidWebSocket> {
  const at = new URL(url)
  at.protocol = at.protocol.replace(/^ws/, 'http')
  const opened: { crossing?: Crossing } = {}
  const init: OwnSending = {
    ...(options.headers && { headers: options.headers }),
    ...(options.signal && { signal: options.signal }),
    [SEND]: (target, request) =>
      upgrade(target, request, options, (crossing) => {
        opened.crossing = crossing
      }),
  }
  const response = await buyer.fetch(at, init)
  if (!response.ok || !response.body || !opened.crossing) {
    await response.body?.cancel().catch(() => {})
    throw new StreamError('seller-failed', `no WebSocket was opened: status ${response.status}`, {
      status: `${response.status}`,
    })
  }
  return new ReadSocket(opened.crossing, response.body.getReader())
}

/** What of the stream of counted chunks is a message to be read. */
interface Received {
  readonly text: boolean
}

/**
 * An open socket as one body: a chunk for each message, of either direction, so that all that counts bodies counts it. What is sent is
 * in it too, because the seller counts it as well.
 */
class Crossing {
  readonly socket: WebSocket
  readonly body: ReadableStream<Uint8Array>
  /** Which chunks were received; the others were sent. */
  readonly received = new WeakMap<Uint8Array, Received>()
  readonly #sent: Uint8Array[] = []
  readonly #came: Uint8Array[] = []
  #unread = 0
  #wake = () => {}
  #end: { readonly error: StreamError | undefined } | undefined

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, binary: boolean) => {
      const chunk = new Uint8Array(data)
      this.received.set(chunk, { text: !binary })
      this.#came.push(chunk)
      this.#hold()
      this.#wake()
    })
    socket.on('error', (error) =>
      this.#finish(new StreamError('stream-interrupted', `the WebSocket broke: ${error.message}`, {}, error)),
    )
    socket.on('close', (code, reason) => this.#finish(failureOf(code, reason.toString())))
    this.body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => socket.close(),
      },
      { highWaterMark: 0 },
    )
  }

  send(data: string | Uint8Array): Promise<void> {
    const { socket } = this
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data)
    return new Promise((resolve, reject) => {
      if (socket.readyState !== socket.OPEN)
        return reject(new StreamError('stream-interrupted', 'the WebSocket is closed'))
      this.#sent.push(bytes)
      this.#wake()
      socket.send(bytes, { binary: typeof data !== 'string' }, (error) =>
        error ? reject(new StreamError('stream-interrupted', error.message, {}, error)) : resolve(),
      )
    })
  }

  /** So many messages lie with the reader and were not taken. */
  unread(count: number): void {
    this.#unread = count
    this.#hold()
    this.#wake()
  }

  #hold(): void {
    if (this.#unread + this.#came.length >= MAX_UNREAD) this.socket.pause()
    else this.socket.resume()
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = this.#sent.shift() ?? (this.#unread < MAX_UNREAD ? this.#came.shift() : undefined)
      if (chunk) return controller.enqueue(chunk)
      if (this.#end && this.#came.length === 0) {
        if (this.#end.error) throw this.#end.error
        return controller.close()
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #finish(error: StreamError | undefined): void {
    this.#end ??= { error }
    this.#wake()
  }
}

function failureOf(code: number, reason: string): StreamError | undefined {
  if (code === 1000 || code === 1001 || code === 1005) return undefined
  const why =
    code === PAYMENT_ENDED ? `the seller ended it: ${reason}` : `closed with ${code}${reason ? ` (${reason})` : ''}`
  return new StreamError('stream-interrupted', why, { code: `${code}` })
}

/** Reads the counted body all the time, so that what is sent counts also while nobody reads. */
class ReadSocket implements PaidWebSocket {
  readonly #crossing: Crossing
  readonly #messages: (string | Uint8Array)[] = []
  #end: { readonly error: unknown } | undefined
  #wake = () => {}
  readonly #over: Promise<void>

  constructor(crossing: Crossing, reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#crossing = crossing
    this.#over = this.#read(reader)
  }

  get protocol(): string {
    return this.#crossing.socket.protocol
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.#crossing.send(data)
  }

  async close(code = 1000, reason = ''): Promise<void> {
    this.#crossing.socket.resume()
    this.#crossing.socket.close(code, reason)
    await this.#over
  }

  async *[Symbol.asyncIterator](): AsyncIterator<string | Uint8Array> {
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) {
        this.#crossing.unread(this.#messages.length)
        yield message
      } else if (this.#end) {
        if (this.#end.error) throw this.#end.error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    let error: unknown
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        const received = this.#crossing.received.get(value)
        if (!received) continue
        this.#messages.push(received.text ? new TextDecoder().decode(value) : value)
        this.#crossing.unread(this.#messages.length)
        this.#wake()
      }
    } catch (failure) {
      error = failure
      this.#crossing.socket.close()
    }
    this.#end = { error }
    this.#wake()
  }
}

/** Sends an upgrade, and answers as `fetch` would: 200 with the socket as its body, or what the seller said instead. */
function upgrade(
  target: URL,
  { headers, signal }: RequestInit,
  { protocols = [], lookup }: WebSocketOptions,
  onOpen: (crossing: Crossing) => void,
): Promise<Response> {
  const at = new URL(target)
  at.protocol = at.protocol.replace(/^http/, 'ws')
  const socket = new WebSocket(at, [...protocols], {
    headers: Object.fromEntries(new Headers(headers)),
    // What is compressed could not be counted.
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    followRedirects: false,
    ...(lookup && { lookup }),
  })
  return new Promise((resolve, reject) => {
    const leave = () => socket.terminate()
    signal?.addEventListener('abort', leave)
    socket.once('close', () => signal?.removeEventListener('abort', leave))
    if (signal?.aborted) leave()
    socket.once('error', reject)
    socket.once('unexpected-response', (_, answer) => {
      resolve(refusalOf(answer))
    })
    socket.once('open', () => {
      socket.off('error', reject)
      const crossing = new Crossing(socket)
      onOpen(crossing)
      resolve(new Response(crossing.body))
    })
  })
}

async function refusalOf(answer: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer) {
    length += chunk.length
    if (length > MAX_REFUSAL) break
    chunks.push(chunk)
  }
  const headers = new Headers()
  for (let i = 0; i < answer.rawHeaders.length; i += 2) headers.append(answer.rawHeaders[i]!, answer.rawHeaders[i + 1]!)
  headers.delete('content-length')
  const status = answer.statusCode ?? 0
  if (status < 200 || status > 599) throw new StreamError('seller-failed', `status ${status}`)
  const body = [204, 205, 304].includes(status) ? null : Buffer.concat(chunks)
  return new Response(body, { status, headers })
}
