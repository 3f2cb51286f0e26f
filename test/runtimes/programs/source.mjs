export const CHUNK = 16 * 1024

/** A body of so many bytes, made as it is pulled; tells how much of it was, and when its reader left. */
export function source(total, told) {
  let sent = 0
  return new ReadableStream(
    {
      pull(controller) {
        if (sent >= total) return controller.close()
        const bytes = new Uint8Array(Math.min(CHUNK, total - sent)).fill(7)
        sent += bytes.length
        told.pulled = sent
        controller.enqueue(bytes)
      },
      cancel() {
        told.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
}
