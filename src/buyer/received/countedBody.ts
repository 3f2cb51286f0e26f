/** What is told about a body while it is read. */
export interface Reading {
  /** The reader waits for data. */
  waiting(): void
  read(chunk: Uint8Array): void
  /** The whole body was read. */
  done(): void
  /** The reader left, or the stream broke: returns the error that the reader is to get. */
  cut(reason: unknown): unknown
}

/**
 * The body, counted as the reader takes it: what lies unread in buffers is not received, and not paid for. That is why the
 * stream holds nothing itself (highWaterMark 0).
 */
export function countedBody(
  body: ReadableStream<Uint8Array>,
  reading: Reading,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const source = body.getReader()
  signal.addEventListener('abort', () => void source.cancel(signal.reason).catch(() => {}), { once: true })
  let controller: ReadableStreamDefaultController<Uint8Array>
  const fail = (error: unknown): never => {
    const reason = signal.aborted ? signal.reason : error
    source.cancel(reason).catch(() => {})
    throw reading.cut(reason)
  }
  // Two callbacks for the whole body, and not an async function for each chunk: what a chunk leaves behind is collected while
  // the next one waits.
  const take = ({ done, value }: ReadableStreamReadResult<Uint8Array>): void => {
    try {
      if (signal.aborted) throw signal.reason
      if (done) {
        reading.done()
        controller.close()
      } else {
        reading.read(value)
        controller.enqueue(value)
      }
    } catch (error) {
      fail(error)
    }
  }
  return new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own
      },
      pull() {
        reading.waiting()
        return source.read().then(take, fail)
      },
      cancel(reason) {
        reading.cut(reason)
        return source.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
