import { connect } from 'node:net'

const BETWEEN_MS = 100

/**
 * Tries until it succeeds, or the time is over; then it fails with the last reason.
 * @param attempt resolves to anything but `false` or `undefined` when it has succeeded
 * @param givesUp rejects as soon as waiting on is in vain, as when a program has ended
 * @throws Error `WHAT: not within N s REASON`, or what `givesUp` rejects with
 */
export async function until<T>(
  what: string,
  limitMs: number,
  attempt: () => Promise<T | false | undefined>,
  givesUp: readonly Promise<never>[] = [],
): Promise<T> {
  const deadline = Date.now() + limitMs
  let last = ''
  while (Date.now() < deadline) {
    const result = await Promise.race([attempt().catch(remember), ...givesUp])
    if (result !== false && result !== undefined) return result
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS))
  }
  throw new Error(`${what}: not within ${limitMs / 1000} s ${last}`)

  function remember(error: unknown): undefined {
    last = Array.isArray(error) ? String(error[1]) : String(error)
  }
}

/** Whether something listens on a port of this machine. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', end(true)).once('error', end(false))
  })
}
