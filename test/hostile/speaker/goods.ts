import type { ServerResponse } from 'node:http'
import { sleep } from '../attack.ts'
import type { Stall } from './seller.ts'

/** One event that counts as one token, in the form that model servers speak. */
export const tokenEvent = (text: string): string =>
  `data: {"choices":[{"delta":{"content":${JSON.stringify(text)}}}]}\n\n`

export const usageEvent = (tokens: number): string => `data: {"choices":[],"usage":{"completion_tokens":${tokens}}}\n\n`

/** Writes, and waits until the buyer's socket took it; `false` once the buyer is gone. */
export async function push(stall: Stall, outgoing: ServerResponse, bytes: string | Uint8Array): Promise<boolean> {
  if (outgoing.destroyed) return false
  const taken = await new Promise<boolean>((resolve) => {
    const end = (whole: boolean) => {
      outgoing.off('close', gone)
      resolve(whole)
    }
    const gone = () => end(false)
    outgoing.once('close', gone)
    outgoing.write(bytes, (error) => end(!error))
  })
  if (taken) stall.taken += bytes.length
  return taken
}

/** Sends so many chunks, a pause before each. Resolves to whether the buyer took all. */
export async function drip(
  stall: Stall,
  outgoing: ServerResponse,
  chunks: Iterable<string | Uint8Array>,
  everyMs: number,
): Promise<boolean> {
  for (const chunk of chunks) {
    if (everyMs > 0) await sleep(everyMs)
    if (!(await push(stall, outgoing, chunk))) return false
  }
  return true
}

export function* repeat<T>(item: T, times: number): Generator<T> {
  for (let i = 0; i < times; i++) yield item
}

/** Sends without end, as fast as it is taken, up to `most` bytes: a flood is bounded here, in case the buyer does not bound it. */
export async function flood(
  stall: Stall,
  outgoing: ServerResponse,
  chunk: string | Uint8Array,
  most: number,
): Promise<void> {
  for (let sent = 0; sent < most; sent += chunk.length) if (!(await push(stall, outgoing, chunk))) return
  outgoing.end()
}
