import { expect, test } from 'vitest'
import { follow } from './watch.ts'

const nothing = { statement: () => {}, alive: () => {} }

/** A channel that says something now and then, and never ends by itself. */
const lively = (everyMs: number, signal: AbortSignal): Response => {
  let timer: ReturnType<typeof setInterval>
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new TextEncoder().encode(': alive\n\n')), everyMs)
      signal.addEventListener('abort', () => {
        clearInterval(timer)
        controller.error(signal.reason)
      })
    },
  })
  return new Response(body)
}

test('a channel that never answers is given up, and a new one is made', async () => {
  const end = new AbortController()
  let connects = 0
  const connect = (signal: AbortSignal) =>
    new Promise<Response>((_, reject) => {
      connects++
      if (connects === 3) end.abort()
      signal.addEventListener('abort', () => reject(signal.reason))
      if (signal.aborted) reject(signal.reason)
    })
  await follow(connect, nothing, end.signal, 30)
  expect(connects).toBe(3)
})

test('a channel that falls silent is given up; one that says anything is kept', async () => {
  const end = new AbortController()
  const kinds: string[] = []
  const connect = async (signal: AbortSignal) => {
    const kind = kinds.length === 0 ? 'silent' : 'lively'
    kinds.push(kind)
    if (kind === 'lively') setTimeout(() => end.abort(), 600)
    return lively(kind === 'silent' ? 60_000 : 20, signal)
  }
  await follow(connect, nothing, end.signal, 200)
  expect(kinds).toEqual(['silent', 'lively'])
})
