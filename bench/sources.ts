import type { SourceOrder } from './shop.ts'

const CHUNK_BYTES = 512 * 1024
const encoder = new TextEncoder()

/** The handler that a seller's process sells; the unpaid counterpart serves the very same one. */
export function source(order: SourceOrder): () => Promise<Response> {
  switch (order.kind) {
    case 'bytes':
      return async () => bytes(order.bytes)
    case 'ticks':
      return async () => ticks(order.everyMs, order.seconds)
    case 'tokens':
      return async () => tokens(order.count, order.everyMs)
    case 'hello':
      return async () => new Response('hello\n', { headers: { 'content-type': 'text/plain' } })
  }
}

function bytes(total: number): Response {
  const chunk = new Uint8Array(CHUNK_BYTES)
  let left = total
  const body = pulled((controller) => {
    if (left <= 0) return controller.close()
    const size = Math.min(CHUNK_BYTES, left)
    left -= size
    controller.enqueue(size === CHUNK_BYTES ? chunk : chunk.subarray(0, size))
  })
  return new Response(body, { headers: { 'content-type': 'application/octet-stream', 'content-length': `${total}` } })
}

function ticks(everyMs: number, seconds: number): Response {
  let left = Math.round((seconds * 1000) / everyMs)
  const next = paced(everyMs)
  const body = pulled(async (controller) => {
    if (left-- <= 0) return controller.close()
    await next()
    controller.enqueue(encoder.encode('tick\n'))
  })
  return new Response(body, { headers: { 'content-type': 'text/plain' } })
}

function tokens(count: number, everyMs?: number): Response {
  let sent = 0
  const next = everyMs === undefined ? undefined : paced(everyMs)
  const body = pulled(async (controller) => {
    if (sent === count) {
      controller.enqueue(encoder.encode('data: [DONE]\n\n'))
      return controller.close()
    }
    await next?.()
    controller.enqueue(encoder.encode(`data: {"choices":[{"delta":{"content":"w${sent++}"}}]}\n\n`))
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

/** A source that works at a steady pace, and that does not catch up after it was paused. */
function paced(everyMs: number): () => Promise<void> {
  let due = performance.now()
  return async () => {
    const now = performance.now()
    due = Math.max(due + everyMs, now)
    if (due > now) await new Promise((resolve) => setTimeout(resolve, due - now))
  }
}

type Pull = (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>
const pulled = (pull: Pull): ReadableStream<Uint8Array> => new ReadableStream({ pull }, { highWaterMark: 0 })
