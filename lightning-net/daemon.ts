import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Guard } from './guard.ts'

const KILL_AFTER_MS = 20_000

/** A program that runs until it is stopped. Its output goes to a file. */
export interface Daemon {
  readonly name: string
  readonly pid: number
  readonly running: boolean
  /** Ends it: by `ask`, else SIGTERM; by SIGKILL if it has not gone after 20 seconds. */
  stop(ask?: () => Promise<unknown>): Promise<void>
  /** SIGKILL: it gets no chance to write anything down. Resolves when it has gone. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT: while frozen it holds its connections and does nothing. */
  freeze(frozen: boolean): void
  /** Rejects as soon as the program has ended, with the last of its output. For waits that would otherwise go on in vain. */
  readonly failed: Promise<never>
}

export function startDaemon(name: string, program: string, args: readonly string[], log: string, guard: Guard): Daemon {
  const output = openSync(log, 'a')
  const child = spawn(program, args, { stdio: ['ignore', output, output] })
  closeSync(output)
  const pid = child.pid
  if (pid === undefined) throw new Error(`${name} did not start: ${program}`)
  guard.watch(pid)
  let running = true
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running = false
      guard.forget(pid)
      resolve()
    })
  })
  const failed = gone.then(() => {
    throw new Error(`${name} has ended; the last of ${log}:\n${readFileSync(log, 'utf8').slice(-2000)}`)
  })
  // Most daemons end because they are stopped, when nobody waits any more.
  failed.catch(() => {})
  return {
    name,
    pid,
    get running() {
      return running
    },
    failed,
    stop: (ask) => stop(child, gone, ask),
    kill: () => {
      child.kill('SIGKILL')
      return gone
    },
    freeze: (frozen) => void child.kill(frozen ? 'SIGSTOP' : 'SIGCONT'),
  }
}

async function stop(child: ChildProcess, gone: Promise<void>, ask?: () => Promise<unknown>): Promise<void> {
  const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  if (ask) await ask().catch(() => child.kill('SIGTERM'))
  else child.kill('SIGTERM')
  await gone
  clearTimeout(kill)
}
