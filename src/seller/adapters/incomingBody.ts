import type { Readable } from 'node:stream'

/** What a request's body is read from: an HTTP/1.1 message, or an HTTP/2 stream, which ends also when it is reset. */
export type BodySource = Readable & { readonly rstCode?: number | undefined }

/**
 * The body of an incoming message as a stream. Not `Readable.toWeb`: that reads ahead of its reader, and leaves the message
 * paused when it is dropped, so that the connection can carry nothing more.
 */
export function incomingBody(incoming: BodySource, onFirstRead: () => void): ReadableStream<Uint8Array> {
  let begun = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!begun) {
          begun = true
          onFirstRead()
        }
        // Invariant: nothing is taken from the message but what the reader asked for; Node then stops reading the socket.
        let chunk: Uint8Array | null = incoming.read()
        while (chunk === null && !incoming.readableEnded) {
          if (incoming.destroyed) throw left()
          await readable(incoming)
          chunk = incoming.read()
        }
        if (chunk === null && (incoming.rstCode ?? 0) !== 0) throw left()
        if (chunk === null) controller.close()
        else controller.enqueue(chunk)
      },
    },
    { highWaterMark: 0 },
  )
}

const left = (): DOMException => new DOMException('the client left before its request was whole', 'AbortError')

const EVENTS = ['readable', 'end', 'close', 'error'] as const

function readable(incoming: BodySource): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) incoming.off(event, done)
      resolve()
    }
    for (const event of EVENTS) incoming.on(event, done)
  })
}
