import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands, type Result, type Running } from '../cli/command.ts'
import { guardLab } from './guarded.ts'

/** A slow machine takes this long to bring a lab up; no test is about time. */
const PATIENCE_MS = 150_000

/** A state home of its own for a lab. Whatever its commands leave running ends with the test, also when the test is killed. */
export function labWorld(home: string) {
  const { start } = commands(home, {}, PATIENCE_MS)
  const state = join(home, 'state')
  const guard = guardLab(state, ['guest'])
  guard.clear(home)

  const run = (...args: string[]): Promise<Result> => {
    const command = start(...args, '--json')
    guard.watch(command.child.pid!)
    return command.end()
  }

  return {
    state,
    start: (...args: string[]): Running => {
      const command = start(...args)
      guard.watch(command.child.pid!)
      return command
    },
    run,
    lab: (...args: string[]): Promise<Result> => run('lab', ...args),
    kill: (name: 'btcd' | 'lab-alice' | 'lab-bob'): void => void process.kill(guard.pidOf(name), 'SIGKILL'),
    end: async (): Promise<void> => {
      await start('node', 'down', '--name', 'guest').end()
      await start('lab', 'down', '--purge').end()
      guard.end()
    },
  }
}

/** Command lines that name a folder. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(folder))
}
