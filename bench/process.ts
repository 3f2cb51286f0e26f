import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SMALL_HEAP } from '../src/cli/smallHeap.ts'

/** A process of the benchmark, as the one that measures sees it. */
export interface BenchProcess<Ready> {
  readonly pid: number
  /** What it told of itself when it was ready. */
  readonly ready: Ready
  /** @throws Error once the process has ended */
  ask<T>(question: string): Promise<T>
  close(): Promise<void>
}

/** How long a process may take to end by itself. */
const END_MS = 5000

/**
 * Starts a script of this folder with an order, in a heap as the command has it, and waits until it is ready. The script answers by `serveBench`.
 * @param options Node's own, such as `--expose-gc`
 */
export async function openProcess<Ready>(
  script: string,
  order: unknown,
  options: readonly string[] = [],
): Promise<BenchProcess<Ready>> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(order)], {
    execArgv: [SMALL_HEAP, ...options],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map<string, (value: unknown) => void>()
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)))
  })
  failed.catch(() => {})
  child.on('message', ({ type, value }: { type: string; value: unknown }) => waiting.get(type)?.(value))
  const answer = <T>(type: string): Promise<T> =>
    Promise.race([new Promise<T>((resolve) => waiting.set(type, resolve as (value: unknown) => void)), failed])
  const ready = await answer<Ready>('ready')
  return {
    ready,
    pid: child.pid!,
    ask: (question) => {
      const answered = answer<never>(question)
      child.send(question)
      return answered
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.send('close')
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

/** What this process was ordered to be. */
export const order = <Order>(): Order => JSON.parse(process.argv[2] ?? '{}') as Order

export interface BenchService {
  /** What is told of it at once. */
  readonly ready: unknown
  readonly answers?: Readonly<Record<string, () => unknown>>
  close(): Promise<void>
}

/** Answers the process that started this one, until that tells it to end or is gone. */
export function serveBench({ ready, answers = {}, close }: BenchService): void {
  const tell = (type: string, value: unknown): void => void process.send?.({ type, value })
  process.on('message', async (question: string) => {
    if (question !== 'close') return tell(question, await answers[question]?.())
    await close()
    process.exit()
  })
  process.on('disconnect', () => process.exit())
  tell('ready', ready)
}

/** What this process has spent so far, the threads of a node in it included. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
