import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StreamError } from '../../errors/error.ts'
import { isLocked } from './sqlite.ts'

/**
 * Takes a node's directory for this process. The lock is SQLite's, so the operating system lets go of it however the
 * process ends. Returns the function that gives it back.
 * @throws StreamError `node-busy`
 */
export function lockDirectory(directory: string): () => void {
  const db = new DatabaseSync(join(directory, 'lock.db'))
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    if (!isLocked(error)) throw error
    throw new StreamError('node-busy', `${directory} is in use by another process`, { directory })
  }
  return () => db.close()
}
