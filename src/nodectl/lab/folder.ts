import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../../errors/error.ts'
import { lockDirectory } from '../../lightning/embedded/lock.ts'

export const labFolder = (home: string): string => join(home, 'lab')

/** As long as a `lab up` takes on a slow machine. */
const WAIT_MS = 120_000
const POLL_MS = 200

/**
 * Runs one command on the lab of a state home at a time; a second one waits. The lock is the operating system's: a command that is
 * killed lets go of it.
 * @throws StreamError `lab-busy` after two minutes, `disk-full`, `node-unreachable` (the folder cannot be made)
 */
export async function withLab<T>(home: string, work: () => Promise<T>): Promise<T> {
  const unlock = await lock(labFolder(home))
  try {
    return await work()
  } finally {
    unlock()
  }
}

async function lock(folder: string): Promise<() => void> {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await sleep(POLL_MS)) {
    try {
      const unlock = lockDirectory(folder)
      // `lab down --purge` may have deleted it, between our opening the file and its being free.
      if (existsSync(join(folder, 'lock.db'))) return unlock
      unlock()
    } catch (error) {
      if (!(error instanceof StreamError && error.code === 'node-busy')) throw error
    }
  }
  throw new StreamError('lab-busy', `another command has been at work in ${folder} for ${WAIT_MS / 60_000} minutes`)
}
