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
  let controller: ReadableStreamDefaultController<Uint8Array>
  let over = false
  let counting = false
  /** A signal may outlive many bodies: none leaves anything on it. */
  const end = (): void => {
    over = true
    signal.removeEventListener('abort', leave)
  }
  const fail = (error: unknown): void => {
    if (over) return
    end()
    const reason = signal.aborted ? signal.reason : error
    source.cancel(reason).catch(() => {})
    controller.error(reading.cut(reason))
  }
  // Also while nobody reads: what is cut off is not open any more, and nothing more is paid for it. What is being counted is handed out first.
  const leave = (): void => {
    if (!counting) fail(signal.reason)
  }
  // Two callbacks for the whole body, and not an async function for each chunk: what a chunk leaves behind is collected while
  // the next one waits.
  const take = ({ done, value }: ReadableStreamReadResult<Uint8Array>): void => {
    if (over) return
    counting = true
    try {
      if (done) {
        reading.done()
        end()
        controller.close()
      } else {
        reading.read(value)
        controller.enqueue(value)
        if (signal.aborted) fail(signal.reason)
      }
    } catch (error) {
      fail(error)
    }
    counting = false
  }
  const counted = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own
      },
      pull() {
        reading.waiting()
        return source.read().then(take, fail)
      },
      cancel(reason) {
        if (!over) reading.cut(reason)
        end()
        return source.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  signal.addEventListener('abort', leave)
  if (signal.aborted) leave()
  return counted
}
