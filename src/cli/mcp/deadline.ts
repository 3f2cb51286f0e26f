import { StreamError } from '../../errors/error.ts'

/**
 * Gives work a signal that also aborts when the time is over, until the work is done.
 * @throws StreamError `seller-unreachable`, or what the work throws
 */
export async function within<T>(
  signal: AbortSignal,
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const over = new StreamError('seller-unreachable', `nothing was answered within ${seconds} s`)
  const timer = setTimeout(() => late.abort(over), seconds * 1000)
  try {
    return await work(AbortSignal.any([signal, late.signal]))
  } finally {
    clearTimeout(timer)
  }
}
