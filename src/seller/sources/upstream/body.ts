import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { BODY_END, type BodyReader } from '../../adapters/response.ts'

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/**
 * What an answer's body is read from: decoded, where the upstream compressed it all the same.
 * @throws Error for an encoding that is not known: what cannot be read cannot be counted
 */
export function plainBody(incoming: IncomingMessage, encoding: string): Readable {
  const names = encoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  if (names.length === 0) return incoming
  const decoder = names.length === 1 ? DECODERS[names[0]!] : undefined
  if (!decoder) throw new Error(`the upstream's answer is encoded: ${encoding.slice(0, 40)}`)
  // The error is told by the decoder, which is what is read.
  return pipeline(incoming, decoder(), () => {}) as unknown as Readable
}

/**
 * The body of an answer, read only as it is asked for: a reader that is held holds the upstream.
 * @param incoming what the answer came as: a message of HTTP/1.1, or a stream of HTTP/2
 * @param idleMs how long one read may take
 * @param onEnd called once the body is whole, before its reader is told so
 */
export function bodyOfAnswer(
  source: Readable,
  incoming: Readable & { readonly complete?: boolean },
  idleMs: number,
  onEnd: () => Promise<void>,
): BodyReader {
  const error = () => source.errored ?? incoming.errored ?? new Error('the upstream broke off')
  const news = new News(source, idleMs)
  // Kept from ending the process; `error` tells it to whoever reads.
  incoming.on('error', () => {})
  return {
    async read() {
      // Invariant: nothing is taken but what the reader asked for; Node then stops reading the socket.
      let chunk: Uint8Array | null = source.read()
      while (chunk === null && !source.readableEnded) {
        if (source.destroyed) throw error()
        if (!(await news.comes())) {
          const idle = new Error(`the upstream sent nothing for ${idleMs} ms`)
          incoming.destroy(idle)
          throw idle
        }
        chunk = source.read()
      }
      if (chunk !== null) return { done: false, value: chunk }
      if (incoming.complete === false) throw error()
      await onEnd()
      return BODY_END
    },
    async cancel() {
      source.destroy()
      incoming.destroy()
    },
  }
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const

/**
 * Waits for a stream to have something to say, for a time. One timer and one set of listeners for the whole body: made for each chunk they
 * took a tenth of what the gateway does for it.
 */
class News {
  readonly #withinMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #tell: ((came: boolean) => void) | undefined

  constructor(source: Readable, withinMs: number) {
    this.#withinMs = withinMs
    for (const event of EVENTS) source.on(event, () => this.#settle(true))
    source.once('close', () => clearTimeout(this.#timer))
  }

  /** Whether something happened within the time. */
  comes(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#tell = resolve
      if (this.#timer) this.#timer.refresh()
      // Nobody waits between two reads, and it may then go off for nothing.
      else this.#timer = setTimeout(() => this.#settle(false), this.#withinMs)
    })
  }

  #settle(came: boolean): void {
    this.#tell?.(came)
    this.#tell = undefined
  }
}
