import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assertWhole, DamagedFile, hasLog, rollBack, sqliteOf } from '../../errors/storage.ts'
import { isBusy, ledgerFailed } from './failure.ts'

export interface DatabaseOptions {
  /** A file, made if it does not exist, with mode 0600. */
  readonly path: string
  /** One process only: another one is refused for as long as this one runs. Saves the locks of every single write, too. */
  readonly exclusive: boolean
  /**
   * When a commit is on disk. `always`: before it returns. `later`: a killed process loses nothing, and a power cut the last
   * commits, from some point on and never one in part.
   */
  readonly durable: 'always' | 'later'
  /** SQL that makes version n of the tables from version n - 1. Never changed once released. */
  readonly migrations: readonly string[]
}

const BUSY_MS = 5000
const BUSY_STEP_MS = 20
/** Pages of the log before they are copied into the file, which waits for the disk: four times SQLite's own, to do it less often. */
const CHECKPOINT_PAGES = 4000

/**
 * A SQLite file with its tables at the newest version, and every failure a `ledger-failed`.
 *
 * A damaged file is refused when it is opened: a total read from it would be a guess, and money would move by it. SQLite's
 * quick check reads every page, which takes 0.1 s of a processor for a journal of 100,000 payments (102 MB);
 * where the last user was cut short, every index is held against its table too, and that takes 0.5 s.
 */
export class Database {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #durable: DatabaseOptions['durable']
  #isClosed = false

  /** @throws StreamError `ledger-failed`, `runtime-unable` */
  constructor({ path, exclusive, durable, migrations }: DatabaseOptions) {
    this.path = path
    this.#durable = durable
    let wasCutShort = false
    // Asked for when a file is opened and not imported: what keeps its books in memory then also runs in a browser.
    const { DatabaseSync } = sqliteOf(process.getBuiltinModule('node:sqlite'))
    this.#database = this.guard(() => {
      wasCutShort = hasLog(path, sizeOf)
      makePrivate(path)
      return new DatabaseSync(path)
    })
    try {
      this.guard(() => {
        // Not by the option of the constructor, which Node before 22.16 passes over.
        this.#database.exec(`PRAGMA busy_timeout = ${exclusive ? 0 : BUSY_MS}`)
        if (exclusive) this.#database.exec('PRAGMA locking_mode = EXCLUSIVE')
        // Changing to WAL needs the file alone for a moment, and does not wait for that as statements do.
        retry(exclusive ? 0 : BUSY_MS, () => this.#database.exec('PRAGMA journal_mode = WAL'))
        this.#database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA foreign_keys = ON`)
        this.#synchronous(durable === 'always')
        this.#assertWhole(wasCutShort)
      })
      this.transaction(() => this.#migrate(migrations))
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** Prepares each query under its name. Integers come back as bigint: a total in msat may exceed 2^53. */
  prepare<T extends Readonly<Record<string, string>>>(queries: T): { readonly [K in keyof T]: StatementSync } {
    const prepared = Object.entries(queries).map(([name, sql]) => {
      const statement = this.guard(() => this.#database.prepare(sql))
      statement.setReadBigInts(true)
      return [name, statement] as const
    })
    return Object.fromEntries(prepared) as { [K in keyof T]: StatementSync }
  }

  /** Runs `work` with every failure turned into a `ledger-failed`. */
  guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw ledgerFailed(this.path, error)
    }
  }

  /** Runs `work` in one transaction: all of it is written, or nothing. */
  transaction<T>(work: () => T): T {
    return this.guard(() => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        rollBack(this.#database)
        throw error
      }
    })
  }

  /** As `transaction`, and on disk, with all that was committed before it, when it returns. */
  durableTransaction<T>(work: () => T): T {
    return this.#transactionThat('always', work)
  }

  /** As `transaction`, and without waiting for the disk: a power cut may take it, a killed process does not. */
  quickTransaction<T>(work: () => T): T {
    return this.#transactionThat('later', work)
  }

  #transactionThat<T>(isDurable: DatabaseOptions['durable'], work: () => T): T {
    if (this.#durable === isDurable) return this.transaction(work)
    this.guard(() => this.#synchronous(isDurable === 'always'))
    try {
      return this.transaction(work)
    } finally {
      this.guard(() => this.#synchronous(this.#durable === 'always'))
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.guard(() => this.#database.close())
  }

  #assertWhole(wasCutShort: boolean): void {
    const { page_size: pageSize } = this.#database.prepare('PRAGMA page_size').get() as { page_size: number }
    // SQLite reads zeros where a last page ends too soon. With a log that is no loss: the page lies there whole.
    if (!wasCutShort && sizeOf(this.path) % pageSize !== 0) {
      throw new DamagedFile('its last page is cut')
    }
    assertWhole(this.#database.prepare(`PRAGMA ${wasCutShort ? 'integrity_check' : 'quick_check'}(1)`).all())
  }

  #synchronous(always: boolean): void {
    this.#database.exec(`PRAGMA synchronous = ${always ? 'FULL' : 'NORMAL'}`)
  }

  /** Inside a transaction, so that of two processes that open a new file at once only one makes its tables. */
  #migrate(migrations: readonly string[]): void {
    const { user_version: version } = this.#database.prepare('PRAGMA user_version').get() as { user_version: number }
    if (version > migrations.length) {
      throw new Error(`its tables are of version ${version}, newer than this program, which knows ${migrations.length}`)
    }
    if (version === migrations.length) return
    if (version === 0 && this.#database.prepare('SELECT 1 FROM sqlite_schema').get()) {
      throw new Error('it is a database of another program: name another file')
    }
    for (const sql of migrations.slice(version)) this.#database.exec(sql)
    this.#database.exec(`PRAGMA user_version = ${migrations.length}`)
  }
}

function sizeOf(file: string): number {
  return process.getBuiltinModule('node:fs').statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Makes the file before SQLite does, readable by its owner alone; SQLite gives the files beside it the same mode. */
function makePrivate(path: string): void {
  const { chmodSync, closeSync, openSync, statSync } = process.getBuiltinModule('node:fs')
  // Never one that exists: where this process has it open, closing it once more would let go of SQLite's locks on it.
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw Object.assign(new Error(path), { code: 'EISDIR' })
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  chmodSync(path, 0o600)
}

function retry(forMs: number, action: () => void): void {
  for (const until = Date.now() + forMs; ; ) {
    try {
      action()
      return
    } catch (error) {
      if (!isBusy(error) || Date.now() >= until) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_STEP_MS)
    }
  }
}
