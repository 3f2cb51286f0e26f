import { chmodSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { assertWhole, hasLog, rollBack, sqliteOf } from '../../errors/storage.ts'

/** How hard a commit is pressed to the disk. Both survive a killed process; only `FULL` also survives a power cut. */
export type Durability = 'FULL' | 'NORMAL'

const BUSY_TIMEOUT_MS = 10_000
const RETRY_MS = 10

/**
 * Opens (or creates) a database that several processes may share, in WAL mode, looks it over, and makes sure of its schema.
 * @throws Error of `node:sqlite` when the file cannot be opened or is not a database, `DamagedFile` when it is not whole
 */
export function openDatabase(path: string, schema: string, durability: Durability): DatabaseSync {
  hasLog(path, (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0)
  const db = connect(path)
  try {
    // One of these files holds a node's seed. By its path: see `lock.ts`. SQLite gives the files beside it the same mode.
    chmodSync(path, 0o600)
    prepare(db, schema, durability)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** A connection to a file, which SQLite makes if there is none. @throws StreamError `runtime-unable` */
export function connect(path: string): DatabaseSync {
  const { DatabaseSync } = sqliteOf(process.getBuiltinModule('node:sqlite'))
  return new DatabaseSync(path)
}

function prepare(db: DatabaseSync, schema: string, durability: Durability): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  // Switching to WAL needs the file alone for a moment and does not wait for it as other statements do.
  retryWhileLocked(() => db.exec('PRAGMA journal_mode = WAL'))
  db.exec(`PRAGMA synchronous = ${durability}`)
  assertWhole(db.prepare('PRAGMA quick_check(1)').all())
  immediately(db, () => db.exec(schema))
}

/** Runs `change` in one transaction that has the write lock from its start, so that what it reads cannot move under it. */
export function immediately<T>(db: DatabaseSync, change: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = change()
    db.exec('COMMIT')
    return result
  } catch (error) {
    rollBack(db)
    throw error
  }
}

function retryWhileLocked(action: () => void): void {
  for (const until = Date.now() + BUSY_TIMEOUT_MS; ; sleep(RETRY_MS)) {
    try {
      action()
      return
    } catch (error) {
      if (!isLocked(error) || Date.now() > until) throw error
    }
  }
}

const sleep = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

/** Whether SQLite refused because another connection holds the lock. */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && /database is locked/.test(error.message)
}
