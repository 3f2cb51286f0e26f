import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'
import { runningDaemon, signalDaemon } from '../../src/nodectl/daemon/daemon.ts'
import { daemonFiles } from '../../src/nodectl/managed/files.ts'
import { builtBinaries } from '../../src/nodectl/programs/build.ts'
import { commands, tempFolder } from '../cli/command.ts'

/** A machine that does much else makes a wallet in half a minute. */
const PATIENCE_MS = 170_000
const LOOK_MS = 50

/** Path of the `lnd` that the tests' network has built. */
export const lndProgram = (): string => builtBinaries()?.lnd ?? ''

/**
 * A state home whose nodes end with the test, however it ends. Their LNDs are killed: what is in them is thrown away.
 * @param home a folder that the test removes itself
 */
export function nodeHome(home = tempFolder()) {
  const state = join(home, 'state')
  const dirOf = (name: string): string => join(state, 'nodes', name)
  const filesOf = (name: string) => daemonFiles({ dir: dirOf(name) })
  const names = (): string[] => {
    try {
      return readdirSync(join(state, 'nodes'))
    } catch {
      return []
    }
  }
  const watched = new Set<number>()
  let guard: Guard
  let timer: NodeJS.Timeout
  /** A command starts LND at a moment of its own: it is watched from then on. */
  const watch = (): void => {
    for (const pid of names().map((name) => runningDaemon(filesOf(name)))) {
      if (pid === undefined || watched.has(pid)) continue
      watched.add(pid)
      guard.watch(pid)
    }
  }
  beforeAll(() => {
    guard = startGuard()
    guard.clear(home)
    timer = setInterval(watch, LOOK_MS)
  })
  afterAll(() => {
    clearInterval(timer)
    watch()
    for (const name of names()) signalDaemon(filesOf(name), 'SIGKILL')
    guard.end()
  })
  return {
    ...commands(home, {}, PATIENCE_MS),
    home,
    state,
    dirOf,
    pidOf: (name: string): number | undefined => runningDaemon(filesOf(name)),
    kill: (name: string): void => signalDaemon(filesOf(name), 'SIGKILL'),
    read: (name: string, file: string): string => readFileSync(join(dirOf(name), file), 'utf8'),
  }
}
