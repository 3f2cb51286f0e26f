import { together } from '../../meter/lines.ts'
import { BODY_END, type BodyReader, readResponse, takeReader } from '../../seller/adapters/response.ts'
import { UsageFolder } from './foldUsage.ts'

/** An answer whose event of usage is folded away, read only as it is read itself. */
export function folded(response: Response): Response {
  if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) return response
  const source = takeReader(response)
  if (!source) return response
  const folder = new UsageFolder()
  let over = false
  const reader: BodyReader = {
    async read() {
      // Invariant: the model's stream is read only when its reader asks, and all that came of it is handed on at once.
      while (!over) {
        const next = await source.read()
        over = next.done
        const ready = next.done ? folder.end() : folder.push(next.value)
        if (ready.length > 0) return { done: false, value: together(ready) }
      }
      return BODY_END
    },
    cancel: (reason) => source.cancel(reason),
  }
  const headers = new Headers(response.headers)
  // The events are another number of bytes now.
  headers.delete('content-length')
  const { status, statusText } = response
  return readResponse(reader, { status, statusText, headers })
}
