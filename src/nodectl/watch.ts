import { StreamError } from '../errors/error.ts'
import { pause } from '../lightning/pause.ts'

export interface WatchOptions<T> {
  /** The longest to watch, in ms. */
  readonly forMs: number
  /** Ends the watching; what is watched goes on. */
  readonly signal?: AbortSignal
  /** Told the state at first, and whenever it is another one. */
  readonly onChange?: (state: T) => void
}

const EVERY_MS = 1000
/** A call to an LND that went down may never be answered. */
const ANSWER_MS = 30_000

/**
 * Looks once a second until it is done, the time is over, or the signal aborts.
 * @returns the last state
 * @throws what `look` throws; StreamError `node-unreachable` if it takes 30 s
 */
export async function watch<T>(
  options: WatchOptions<T>,
  look: () => Promise<{ readonly state: T; readonly done: boolean }>,
): Promise<T> {
  const end = Date.now() + options.forMs
  for (let last = ''; ; ) {
    const { state, done } = await inTime(look())
    const now = JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    if (now !== last) options.onChange?.(state)
    last = now
    const left = end - Date.now()
    if (done || left <= 0 || options.signal?.aborted) return state
    await pause(Math.min(EVERY_MS, left), options.signal)
  }
}

async function inTime<T>(looking: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const error = new StreamError('node-unreachable', `no answer from LND in ${ANSWER_MS / 1000} s`)
  const timer = setTimeout(() => late.reject(error), ANSWER_MS)
  try {
    return await Promise.race([looking, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
