import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'

const LOOK_MS = 100

export interface GuardedLab extends Pick<Guard, 'watch' | 'clear' | 'end'> {
  /** Of `btcd`, or of a node; 0 while there is none. */
  pidOf(name: string): number
  pids(): number[]
}

/**
 * Whatever the lab of a state home leaves running ends with this process, also when this is killed: its daemons would outlive it.
 * @param guests names of other nodes that are looked after
 */
export function guardLab(state: string, guests: readonly string[] = []): GuardedLab {
  const guard = startGuard()
  const watched = new Set<number>()
  const markOf = (name: string): string =>
    name === 'btcd' ? join(state, 'lab', 'btcd', 'pid') : join(state, 'nodes', name, 'lnd.pid')
  const pidOf = (name: string): number =>
    existsSync(markOf(name)) ? Number(readFileSync(markOf(name), 'utf8').split('\n')[0]) : 0
  const pids = (): number[] => ['btcd', 'lab-alice', 'lab-bob', ...guests].map(pidOf).filter((pid) => pid > 1)
  const looking = setInterval(() => {
    for (const pid of pids()) if (!watched.has(pid)) guard.watch(pid)
    for (const pid of pids()) watched.add(pid)
  }, LOOK_MS)
  looking.unref()
  return {
    pidOf,
    pids,
    watch: (pid) => guard.watch(pid),
    clear: (dir) => guard.clear(dir),
    end: () => {
      clearInterval(looking)
      guard.end()
    },
  }
}
