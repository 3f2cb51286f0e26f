import type { StatementSync } from 'node:sqlite'
import { Database } from '../ledger/sqlite/database.ts'
import { text } from '../ledger/sqlite/rows.ts'

/**
 * Which caller made which invoice: the node keeps the invoices themselves, and knows of no callers. The owner's are not noted, since the
 * owner sees all.
 */
export interface InvoiceOwners {
  /** Noted before the caller has the invoice. */
  note(paymentHash: string, caller: string): void
  callerOf(paymentHash: string): string | undefined
  end(): void
}

/** Of each caller so many are known; older ones are the owner's alone to look up. */
const MAX_PER_CALLER = 10_000

/**
 * In a SQLite file of mode 0600 that several processes may share, or in memory.
 * @throws StreamError `ledger-failed`
 */
export const openInvoiceOwners = (path: ':memory:' | (string & {}), most: number = MAX_PER_CALLER): InvoiceOwners =>
  path === ':memory:' ? new MemoryOwners(most) : new SqliteOwners(path, most)

class MemoryOwners implements InvoiceOwners {
  readonly #most: number
  readonly #hashes = new Map<string, Set<string>>()

  constructor(most: number) {
    this.#most = most
  }

  note(paymentHash: string, caller: string): void {
    if (this.callerOf(paymentHash) !== undefined) return
    const hashes = this.#hashes.get(caller) ?? new Set()
    this.#hashes.set(caller, hashes.add(paymentHash))
    if (hashes.size > this.#most) hashes.delete(hashes.values().next().value!)
  }

  callerOf(paymentHash: string): string | undefined {
    for (const [caller, hashes] of this.#hashes) if (hashes.has(paymentHash)) return caller
    return undefined
  }

  end(): void {}
}

const MIGRATIONS = [
  `CREATE TABLE invoices (number INTEGER PRIMARY KEY, payment_hash TEXT NOT NULL UNIQUE, caller TEXT NOT NULL) STRICT;
   CREATE INDEX invoices_by_caller ON invoices (caller, number)`,
]
const QUERIES = {
  note: 'INSERT OR IGNORE INTO invoices (payment_hash, caller) VALUES (?, ?)',
  forget: `DELETE FROM invoices WHERE number IN
    (SELECT number FROM invoices WHERE caller = ? ORDER BY number DESC LIMIT -1 OFFSET ?)`,
  callerOf: 'SELECT caller FROM invoices WHERE payment_hash = ?',
} as const

class SqliteOwners implements InvoiceOwners {
  readonly #most: number
  readonly #database: Database
  readonly #sql: { readonly [K in keyof typeof QUERIES]: StatementSync }

  constructor(path: string, most: number) {
    this.#most = most
    this.#database = new Database({ path, exclusive: false, durable: 'later', migrations: MIGRATIONS })
    this.#sql = this.#database.prepare(QUERIES)
  }

  note(paymentHash: string, caller: string): void {
    this.#database.transaction(() => {
      this.#sql.note.run(paymentHash, caller)
      this.#sql.forget.run(caller, this.#most)
    })
  }

  callerOf(paymentHash: string): string | undefined {
    const row = this.#database.guard(() => this.#sql.callerOf.get(paymentHash))
    return row && text(row, 'caller')
  }

  end(): void {
    this.#database.close()
  }
}
