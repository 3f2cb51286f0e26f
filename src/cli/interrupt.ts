import { StreamError } from '../errors/error.ts'

export { unlessAborted } from '../errors/aborted.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Aborts at the first Ctrl-C, SIGTERM or SIGHUP, so that what is open is closed; a second one ends the process at once. */
export function interruptSignal(onInterrupt: () => void = () => {}): AbortSignal {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort(new StreamError('interrupted', 'interrupted'))
    onInterrupt()
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  return controller.signal
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
