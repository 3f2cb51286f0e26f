import { Database } from '../../ledger/sqlite/database.ts'
import { integer, number, text } from '../../ledger/sqlite/rows.ts'

/** Deliveries that wait, of all addresses; of more the oldest is given up. */
export const MAX_QUEUED = 10_000

export interface Queued {
  readonly key: bigint
  readonly id: string
  readonly url: string
  readonly body: string
  readonly attempts: number
  readonly madeAtMs: number
}

const MIGRATIONS = [
  `CREATE TABLE delivery (
     key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
     attempts INTEGER NOT NULL, made INTEGER NOT NULL, due INTEGER NOT NULL);
   CREATE INDEX delivery_due ON delivery (url, due);`,
]

const QUERIES = {
  add: 'INSERT INTO delivery (id, url, body, attempts, made, due) VALUES (?, ?, ?, 0, ?, ?)',
  count: 'SELECT COUNT(*) AS count FROM delivery',
  shed: 'DELETE FROM delivery WHERE key IN (SELECT key FROM delivery ORDER BY key LIMIT ?)',
  next: 'SELECT * FROM delivery WHERE url = ? AND due <= ? ORDER BY due, key LIMIT 1',
  nextDue: 'SELECT MIN(due) AS due FROM delivery WHERE url = ?',
  delay: 'UPDATE delivery SET attempts = attempts + 1, due = ? WHERE key = ?',
  end: 'DELETE FROM delivery WHERE key = ?',
} as const

/** What is still to be sent, in a SQLite file: a killed process forgets none of it. @throws StreamError `ledger-failed` from every method */
export class WebhookQueue {
  readonly #database: Database
  readonly #queries: ReturnType<typeof prepare>

  constructor(path: string) {
    this.#database = new Database({ path, exclusive: false, durable: 'later', migrations: MIGRATIONS })
    this.#queries = prepare(this.#database)
  }

  /** Adds one for each address. Returns how many older ones were given up for want of room. */
  add(urls: readonly string[], id: string, body: string, nowMs: number): number {
    return this.#database.transaction(() => {
      for (const url of urls) this.#queries.add.run(id, url, body, nowMs, nowMs)
      const over = number(this.#queries.count.get(), 'count') - MAX_QUEUED
      if (over > 0) this.#queries.shed.run(over)
      return Math.max(0, over)
    })
  }

  /** The first of an address that is due. */
  next(url: string, nowMs: number): Queued | undefined {
    return this.#database.guard(() => {
      const row = this.#queries.next.get(url, nowMs)
      return (
        row && {
          key: integer(row, 'key'),
          id: text(row, 'id'),
          url: text(row, 'url'),
          body: text(row, 'body'),
          attempts: number(row, 'attempts'),
          madeAtMs: number(row, 'made'),
        }
      )
    })
  }

  /** When the next of an address is due; `undefined` if none waits. */
  nextDueMs(url: string): number | undefined {
    return this.#database.guard(() => {
      const row = this.#queries.nextDue.get(url)
      return row?.due === null ? undefined : number(row, 'due')
    })
  }

  get size(): number {
    return this.#database.guard(() => number(this.#queries.count.get(), 'count'))
  }

  delay(key: bigint, dueMs: number): void {
    this.#database.guard(() => this.#queries.delay.run(dueMs, key))
  }

  end(key: bigint): void {
    this.#database.guard(() => this.#queries.end.run(key))
  }

  close(): void {
    this.#database.close()
  }
}

const prepare = (database: Database) => database.prepare(QUERIES)
