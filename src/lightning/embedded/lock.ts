import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { StreamError } from '../../errors/error.ts'
import { nodeFailed } from './failure.ts'
import { connect, isLocked } from './sqlite.ts'

/**
 * Makes a node's directory and takes it for this process. The lock is SQLite's, so the operating system lets go of it however the
 * process ends. Returns the function that gives it back.
 * @throws StreamError `node-busy`, `disk-full`, `node-unreachable`, `runtime-unable`
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock.db')
  let db: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    db = connect(path)
    // By its path: opening the file once more, and closing it, would let go of the lock.
    chmodSync(path, 0o600)
    // Not EXCLUSIVE: of two that ask for that at once, neither may get it, as each still looks.
    db.exec('BEGIN IMMEDIATE')
  } catch (error) {
    db?.close()
    if (!isLocked(error)) throw nodeFailed(error, directory)
    throw new StreamError('node-busy', `${directory} is in use by another process`, { directory })
  }
  const held = db
  return () => held.close()
}
