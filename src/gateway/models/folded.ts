import { UsageFolder } from './foldUsage.ts'

/** An answer whose event of usage is folded away, read only as it is read itself. */
export function folded(response: Response): Response {
  if (!response.body || !/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) return response
  const folder = new UsageFolder()
  const source = response.body.getReader()
  const ready: Uint8Array[] = []
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let done = false
        // Invariant: the model's stream is read only while nothing is left to hand on, so a reader that pauses pauses it.
        while (ready.length === 0 && !done) {
          const next = await source.read()
          done = next.done
          ready.push(...(next.done ? folder.end() : folder.push(next.value)))
        }
        const first = ready.shift()
        if (first) controller.enqueue(first)
        else controller.close()
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const headers = new Headers(response.headers)
  // The events are another number of bytes now.
  headers.delete('content-length')
  const { status, statusText } = response
  return new Response(body, { status, statusText, headers })
}
