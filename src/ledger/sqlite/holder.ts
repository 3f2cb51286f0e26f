import type { DatabaseSync } from 'node:sqlite'
import { sqliteOf } from '../../errors/storage.ts'
import { isBusy, ledgerFailed } from './failure.ts'

/** Names of holders that live in this thread: to ask SQLite about a lock of one's own would be to ask oneself. */
const own = new Set<string>()

/**
 * A name under which a process holds things in a file that others share. The name is good for as long as the process lives:
 * beside the file lies another one, locked by SQLite, and the operating system lets go of a lock however its process ends. A
 * process id would not do: it is used again, and is another one's in another container.
 */
export class Holder {
  readonly name = crypto.randomUUID()
  readonly #path: string
  #lock: DatabaseSync | undefined
  #ended = false

  /** @param path the shared file */
  constructor(path: string) {
    this.#path = path
  }

  /** The name, for everybody to see alive from now on. @throws StreamError `ledger-failed` */
  take(): string {
    if (this.#lock) return this.name
    if (this.#ended) throw ledgerFailed(this.#path, new Error('it was closed'))
    try {
      const file = fileOf(this.#path, this.name)
      makeFile(file)
      this.#lock = locked(file)
    } catch (error) {
      throw ledgerFailed(fileOf(this.#path, this.name), error)
    }
    own.add(this.name)
    return this.name
  }

  /** Whether the process of that name still runs. What is left of one that does not is cleared away. */
  isAlive(name: string): boolean {
    if (name === '') return false
    if (own.has(name)) return true
    const file = fileOf(this.#path, name)
    const { existsSync, rmSync } = process.getBuiltinModule('node:fs')
    if (!/^[0-9a-f-]{36}$/.test(name) || !existsSync(file)) return false
    try {
      look(file)
    } catch (error) {
      // A lock that cannot be looked at may be held: the safe answer.
      return isBusy(error) || existsSync(file)
    }
    rmSync(file, { force: true })
    return false
  }

  end(): void {
    own.delete(this.name)
    this.#ended = true
    if (!this.#lock) return
    this.#lock.close()
    this.#lock = undefined
    process.getBuiltinModule('node:fs').rmSync(fileOf(this.#path, this.name), { force: true })
  }
}

const fileOf = (path: string, name: string): string => `${path}-holder-${name}`

/** Never one that exists: another thread of this process may have it locked, and closing it once more would let go of the lock. */
function makeFile(file: string): void {
  const { closeSync, openSync } = process.getBuiltinModule('node:fs')
  closeSync(openSync(file, 'wx', 0o600))
}

/** Reads, which only a held lock forbids: then it throws SQLite's "busy". To take the lock would forbid it to whoever looks at the same moment. */
function look(file: string): void {
  const { DatabaseSync } = sqliteOf(process.getBuiltinModule('node:sqlite'))
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.exec('PRAGMA busy_timeout = 0; SELECT 1 FROM sqlite_schema')
  } finally {
    database.close()
  }
}

/** Opens and locks. Of EXCLUSIVE, as readers must see it: nobody else asks for it, since nobody knows the name yet. */
function locked(file: string): DatabaseSync {
  const { DatabaseSync } = sqliteOf(process.getBuiltinModule('node:sqlite'))
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
