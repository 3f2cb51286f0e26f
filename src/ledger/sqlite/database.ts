import { chmodSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { StreamError } from '../../errors/error.ts'

export interface DatabaseOptions {
  /** A file, or `:memory:`. */
  readonly path: string
  /**
   * `FULL` has every commit on disk before it returns. With `NORMAL` a killed process loses nothing, and a power cut at most the
   * last commits, together and never in part.
   */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** SQL that makes version n of the tables from version n - 1. Never changed once released. */
  readonly migrations: readonly string[]
}

const BUSY_MS = 5000

/** A SQLite file with its tables at the newest version, and every failure a `ledger-failed`. */
export class Database {
  readonly #path: string
  readonly #database: DatabaseSync

  /** @throws StreamError `ledger-failed` */
  constructor({ path, synchronous, migrations }: DatabaseOptions) {
    this.#path = path
    this.#database = this.#guard(() => {
      const database = new DatabaseSync(path)
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA foreign_keys = ON`,
      )
      // It holds what was paid, and for a buyer the secrets of open agreements.
      if (path !== ':memory:') chmodSync(path, 0o600)
      return database
    })
    this.#guard(() => this.#migrate(migrations))
  }

  prepare(sql: string): Query {
    const statement = this.#guard(() => this.#database.prepare(sql))
    statement.setReadBigInts(true)
    return new Query(statement, (work) => this.#guard(work))
  }

  /** Runs `work` in one transaction: all of it is written, or nothing. */
  transaction<T>(work: () => T): T {
    return this.#guard(() => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #migrate(migrations: readonly string[]): void {
    const [row] = this.#database.prepare('PRAGMA user_version').all() as Array<{ user_version: number }>
    const version = row?.user_version ?? 0
    if (version > migrations.length)
      throw new Error(`its tables are of version ${version}, this program knows ${migrations.length}`)
    for (const [i, sql] of migrations.entries()) {
      if (i < version) continue
      this.#database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${i + 1}; COMMIT`)
    }
  }

  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StreamError) throw error
      const detail = error instanceof Error ? error.message : String(error)
      throw new StreamError('ledger-failed', `${this.#path}: ${detail}`, { path: this.#path }, error)
    }
  }
}

export type Row = Readonly<Record<string, bigint | string | null>>

/** A prepared statement. Integers come back as bigint. */
export class Query {
  readonly #statement: StatementSync
  readonly #guard: <T>(work: () => T) => T

  constructor(statement: StatementSync, guard: <T>(work: () => T) => T) {
    this.#statement = statement
    this.#guard = guard
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#statement.get(...values) as Row | undefined)
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#statement.all(...values) as Row[])
  }

  /** How many rows changed. */
  run(...values: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#statement.run(...values).changes))
  }
}
