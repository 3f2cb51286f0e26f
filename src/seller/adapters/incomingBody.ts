import type { IncomingMessage } from 'node:http'

/**
 * The body of an incoming message as a stream. Not `Readable.toWeb`: that reads ahead of its reader, and leaves the message
 * paused when it is dropped, so that the connection can carry nothing more.
 */
export function incomingBody(incoming: IncomingMessage, onFirstRead: () => void): ReadableStream<Uint8Array> {
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
          if (incoming.destroyed) throw new DOMException('the client left before its request was whole', 'AbortError')
          await readable(incoming)
          chunk = incoming.read()
        }
        if (chunk === null) controller.close()
        else controller.enqueue(chunk)
      },
    },
    { highWaterMark: 0 },
  )
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const

function readable(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) incoming.off(event, done)
      resolve()
    }
    for (const event of EVENTS) incoming.on(event, done)
  })
}
