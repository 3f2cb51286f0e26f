import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StreamError } from '../../errors/error.ts'
import { storageTrouble } from '../../errors/storage.ts'
import { type Msat, msat } from '../../money/msat.ts'
import { immediately, openDatabase } from '../embedded/sqlite.ts'
import type { Settlement } from '../node.ts'

/** A payment that the wallet was asked to make. Written before it is asked. */
export interface SentPayment {
  readonly state: 'sent' | 'failed' | 'settled'
  /** Until when a wallet that has not seen the request yet may take it up. */
  readonly untilMs: number
  readonly preimage: string
  readonly fee: Msat
}

/** An invoice that the wallet made and that may be paid yet. */
export interface OpenInvoice {
  readonly paymentHash: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS payments (
    hash TEXT PRIMARY KEY, state TEXT NOT NULL, until_ms INTEGER NOT NULL, preimage TEXT NOT NULL DEFAULT '', fee INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS open_invoices (hash TEXT PRIMARY KEY, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS settled (
    number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL, at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`

/** Long after the last invoice that could still be asked for, and the last ledger that could resume from there. */
const KEPT_MS = 365 * 86_400_000
const PAGE = 500

const QUERIES = {
  payment: 'SELECT state, until_ms, preimage, fee FROM payments WHERE hash = ?',
  noteSent: `INSERT INTO payments (hash, state, until_ms) VALUES (?, 'sent', ?)
    ON CONFLICT (hash) DO UPDATE SET state = 'sent', until_ms = excluded.until_ms WHERE state = 'failed'`,
  noteSettled: `INSERT INTO payments (hash, state, until_ms, preimage, fee) VALUES (?, 'settled', ?, ?, ?)
    ON CONFLICT (hash) DO UPDATE SET state = 'settled', preimage = excluded.preimage, fee = excluded.fee`,
  noteFailed: `UPDATE payments SET state = 'failed' WHERE hash = ? AND state = 'sent'`,
  noteMade: 'INSERT OR IGNORE INTO open_invoices VALUES (?, ?, ?)',
  open: 'SELECT hash, created_ms, expires_ms FROM open_invoices ORDER BY created_ms',
  drop: 'DELETE FROM open_invoices WHERE hash = ?',
  settle: 'INSERT OR IGNORE INTO settled (hash, amount, at_ms) VALUES (?, ?, ?)',
  settledAfter: `SELECT number, hash, amount FROM settled WHERE number > ? ORDER BY number LIMIT ${PAGE}`,
  isOpen: 'SELECT 1 FROM open_invoices WHERE hash = ?',
  isSettled: 'SELECT 1 FROM settled WHERE hash = ?',
  lastNumber: `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'settled'), 0) AS seq`,
  addNumber: `INSERT INTO sqlite_sequence (name, seq) VALUES ('settled', ?)`,
  setNumber: `UPDATE sqlite_sequence SET seq = ? WHERE name = 'settled'`,
  fact: 'SELECT value FROM facts WHERE name = ?',
  setFact: 'INSERT OR REPLACE INTO facts VALUES (?, ?)',
  forgetPayments: `DELETE FROM payments WHERE state <> 'sent' AND until_ms < ?`,
  forgetSettled: 'DELETE FROM settled WHERE at_ms < ?',
} as const

/**
 * What Stream itself has to remember of a wallet, since NIP-47 does not: which payments it was asked for, which invoices it made, and in which
 * order settlements were seen. Every settlement has a number, which grows and is never used again, as LND's settle index does.
 *
 * One file for each connection, which several processes may share. Every write is on the disk when it returns.
 * Its errors are StreamErrors `node-corrupt`, `disk-full` and `node-failed`.
 */
export class WalletStore {
  readonly #database: DatabaseSync
  #isClosed = false
  readonly #path: string
  readonly #statements = new Map<keyof typeof QUERIES, StatementSync>()

  /** @param connection public key of the connection */
  constructor(folder: string, connection: string) {
    this.#path = join(folder, `${connection.slice(0, 16)}.db`)
    this.#database = this.#guard(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const database = openDatabase(this.#path, SCHEMA, 'FULL')
      chmodSync(this.#path, 0o600)
      return database
    })
    const beforeMs = Date.now() - KEPT_MS
    this.#change(() => {
      this.#run('forgetPayments', beforeMs)
      this.#run('forgetSettled', beforeMs)
    })
  }

  payment(hash: string): SentPayment | undefined {
    const row = this.#guard(() => this.#sql('payment').get(hash)) as Row | undefined
    if (!row) return undefined
    return {
      state: row.state as SentPayment['state'],
      untilMs: Number(row.until_ms),
      preimage: String(row.preimage),
      fee: msat(row.fee as bigint),
    }
  }

  /** To be called before the wallet is asked; `false` if it was asked before and that did not fail: then nothing must be sent. */
  noteSent(hash: string, untilMs: number): boolean {
    return this.#change(() => Number(this.#run('noteSent', hash, untilMs)) > 0)
  }

  noteSettled(hash: string, preimage: string, fee: Msat): void {
    this.#change(() => this.#run('noteSettled', hash, Date.now(), preimage, fee))
  }

  noteFailed(hash: string): void {
    this.#change(() => this.#run('noteFailed', hash))
  }

  /** To be called before anybody sees the invoices, so that none is paid unheard. */
  noteMade(invoices: readonly OpenInvoice[]): void {
    this.#change(() => {
      for (const { paymentHash, createdAtMs, expiresAtMs } of invoices) {
        this.#run('noteMade', paymentHash, createdAtMs, expiresAtMs)
      }
    })
  }

  /** Oldest first. */
  openInvoices(): OpenInvoice[] {
    const rows = this.#guard(() => this.#sql('open').all()) as Row[]
    return rows.map((row) => ({
      paymentHash: String(row.hash),
      createdAtMs: Number(row.created_ms),
      expiresAtMs: Number(row.expires_ms),
    }))
  }

  /** It can be paid no more, and was not. */
  drop(paymentHash: string): void {
    this.#change(() => this.#run('drop', paymentHash))
  }

  /** An invoice of this connection that nothing settled yet. */
  isOpen(paymentHash: string): boolean {
    return this.#guard(() => this.#sql('isOpen').get(paymentHash)) !== undefined
  }

  isSettled(paymentHash: string): boolean {
    return this.#guard(() => this.#sql('isSettled').get(paymentHash)) !== undefined
  }

  /** Numbers settlements in the order given; those that have a number keep it. */
  settle(settlements: readonly Omit<Settlement, 'index'>[]): void {
    const nowMs = Date.now()
    this.#change(() => {
      for (const { paymentHash, amount } of settlements) {
        this.#run('settle', paymentHash, amount, nowMs)
        this.#run('drop', paymentHash)
      }
    })
  }

  /** The next settlements above an index, oldest first. */
  settledAfter(index: bigint): Settlement[] {
    const rows = this.#guard(() => this.#sql('settledAfter').all(index)) as Row[]
    return rows.map((row) => ({
      index: row.number as bigint,
      paymentHash: String(row.hash),
      amount: msat(row.amount as bigint),
    }))
  }

  /** Numbers above `index` only: where this file was lost, a ledger that has seen more must not miss what comes. */
  startAbove(index: bigint): void {
    this.#change(() => {
      const last = (this.#sql('lastNumber').get() as Row).seq as bigint
      if (last >= index) return
      if (this.#run('setNumber', index) === 0) this.#run('addNumber', index)
    })
  }

  fact(name: string): string | undefined {
    const row = this.#guard(() => this.#sql('fact').get(name)) as Row | undefined
    return row && String(row.value)
  }

  setFact(name: string, value: string): void {
    this.#change(() => this.#run('setFact', name, value))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#database.close()
  }

  #sql(name: keyof typeof QUERIES): StatementSync {
    let statement = this.#statements.get(name)
    if (!statement) {
      statement = this.#database.prepare(QUERIES[name])
      statement.setReadBigInts(true)
      this.#statements.set(name, statement)
    }
    return statement
  }

  #run(name: keyof typeof QUERIES, ...values: (string | number | bigint)[]): number {
    return Number(this.#sql(name).run(...values).changes)
  }

  #change<T>(change: () => T): T {
    return this.#guard(() => immediately(this.#database, change))
  }

  #guard<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      if (error instanceof StreamError) throw error
      const trouble = storageTrouble(error)
      const code = trouble?.kind === 'full' ? 'disk-full' : trouble?.kind === 'damaged' ? 'node-corrupt' : 'node-failed'
      const reason = trouble?.reason ?? (error as Error).message
      throw new StreamError(code, `the record of the wallet ${this.#path}: ${reason}`, { file: this.#path }, error)
    }
  }
}

type Row = Readonly<Record<string, unknown>>
