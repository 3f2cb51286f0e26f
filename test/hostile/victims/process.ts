import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { answer, Caller, type Response } from '../../../src/lightning/embedded/rpc.ts'

/** A victim in a process of its own: calls go to it and come back by structured clone. */
export interface Victim<T> {
  readonly calls: T
  readonly pid: number
  /** Asks it to end, and ends it if it does not. */
  end(): Promise<void>
}

const END_MS = 10_000

/** Starts `file` (beside this one) with a home, and waits until it says that it is ready. */
export async function startVictim<T>(file: string, home: string, methods: ReadonlyArray<keyof T & string>) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [home], {
    execArgv: ['--expose-gc'],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const caller = new Caller()
  const port = { postMessage: (message: unknown) => child.connected && child.send(message as object) }
  const ready = Promise.withResolvers<void>()
  child.on('message', (message: Response | { readonly ready: true }) => {
    if ('ready' in message) ready.resolve()
    else caller.settle(message)
  })
  child.on('exit', (code) => {
    const error = new Error(`the process of ${file} ended with ${code}`)
    ready.reject(error)
    caller.rejectAll(error)
  })
  await ready.promise
  const call = (method: string) => [method, (...args: unknown[]) => caller.call(port, method, args)]
  const victim: Victim<T> = {
    calls: Object.fromEntries(methods.map(call)) as T,
    pid: child.pid!,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
      child.disconnect()
      await gone
      clearTimeout(timer)
    },
  }
  return victim
}

/** The other end: answers calls until the parent lets go, then `end`s. */
export function answerCalls<T extends object>(target: T, end: () => Promise<void>): void {
  const port = { postMessage: (message: unknown) => void (process.connected && process.send!(message as object)) }
  process.on('message', (request) => void answer(target as never, request, port))
  process.on('disconnect', () => void end().finally(() => process.exit()))
  process.send!({ ready: true })
}

/** What the main thread holds after a full collection, in bytes: the node's own thread is not in it. */
export async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
