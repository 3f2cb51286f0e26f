import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

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
 * @param idleMs how long one read may take
 * @param onEnd called once the body is whole, before its reader is told so
 */
export function bodyOfAnswer(
  source: Readable,
  incoming: IncomingMessage,
  idleMs: number,
  onEnd: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const error = () => source.errored ?? incoming.errored ?? new Error('the upstream broke off')
  // Kept from ending the process; `error` tells it to whoever reads.
  source.on('error', () => {})
  incoming.on('error', () => {})
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Invariant: nothing is taken but what the reader asked for; Node then stops reading the socket.
        let chunk: Uint8Array | null = source.read()
        while (chunk === null && !source.readableEnded) {
          if (source.destroyed) throw error()
          if (!(await readable(source, idleMs))) {
            const idle = new Error(`the upstream sent nothing for ${idleMs} ms`)
            incoming.destroy(idle)
            throw idle
          }
          chunk = source.read()
        }
        if (chunk !== null) return controller.enqueue(chunk)
        if (!incoming.complete) throw error()
        await onEnd()
        controller.close()
      },
      cancel() {
        source.destroy()
        incoming.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const

/** Whether something happened within the time. */
function readable(source: Readable, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (happened: boolean) => {
      clearTimeout(timer)
      for (const event of EVENTS) source.off(event, happens)
      resolve(happened)
    }
    const happens = () => end(true)
    const timer = setTimeout(() => end(false), withinMs)
    for (const event of EVENTS) source.on(event, happens)
  })
}
