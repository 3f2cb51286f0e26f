import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startGuard } from '../../lightning-net/guard.ts'
import { commands, type Result, type Running } from '../cli/command.ts'

/** A slow machine takes this long to bring a lab up; no test is about time. */
const PATIENCE_MS = 150_000
const LOOK_MS = 100

/** A state home of its own for a lab. Whatever its commands leave running ends with the test, also when the test is killed. */
export function labWorld(home: string) {
  const { start } = commands(home, {}, PATIENCE_MS)
  const state = join(home, 'state')
  const markOf = (name: string): string =>
    name === 'btcd' ? join(state, 'lab', 'btcd', 'pid') : join(state, 'nodes', name, 'lnd.pid')
  const guard = startGuard()
  guard.clear(home)
  const watched = new Set<number>()
  const looking = setInterval(() => {
    for (const pid of pids()) if (!watched.has(pid)) guard.watch(pid)
    for (const pid of pids()) watched.add(pid)
  }, LOOK_MS)

  const pidOf = (name: string): number =>
    existsSync(markOf(name)) ? Number(readFileSync(markOf(name), 'utf8').split('\n')[0]) : 0
  const pids = (): number[] => ['btcd', 'lab-alice', 'lab-bob', 'guest'].map(pidOf).filter((pid) => pid > 1)

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
    kill: (name: 'btcd' | 'lab-alice' | 'lab-bob'): void => void process.kill(pidOf(name), 'SIGKILL'),
    end: async (): Promise<void> => {
      await start('node', 'down', '--name', 'guest').end()
      await start('lab', 'down', '--purge').end()
      clearInterval(looking)
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
