import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Journal, JournalAgreement, JournalPayment } from '../journal.ts'
import { Database, type Query, type Row } from './database.ts'
import { amount, integer, number, text } from './rows.ts'

const MIGRATIONS = [
  `CREATE TABLE agreements (
     id TEXT PRIMARY KEY, secret TEXT NOT NULL, url TEXT NOT NULL, method TEXT NOT NULL, challenge TEXT NOT NULL,
     agreement TEXT NOT NULL, created_at_ms INTEGER NOT NULL, state TEXT NOT NULL, statement TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE payments (
     payment_hash TEXT PRIMARY KEY, request TEXT NOT NULL, agreement_id TEXT NOT NULL, origin TEXT NOT NULL,
     amount INTEGER NOT NULL, max_fee INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
     status TEXT NOT NULL, fee INTEGER NOT NULL DEFAULT 0, preimage TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX open_payments ON payments (created_at_ms) WHERE status IN ('pending', 'unknown');
   CREATE INDEX payments_by_time ON payments (created_at_ms)`,
]

/** The journal in one SQLite file, mode 0600. `synchronous` is `FULL`: a payment is on disk before it is sent. */
export class SqliteJournal implements Journal {
  readonly #database: Database
  readonly #sql: ReturnType<typeof prepare>

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, synchronous: 'FULL', migrations: MIGRATIONS })
    this.#sql = prepare(this.#database)
  }

  async addAgreement(entry: JournalAgreement): Promise<void> {
    const { id, secret, url, method, challenge, agreement, createdAtMs, state, statement } = entry
    this.#sql.addAgreement.run(id, secret, url, method, challenge, agreement, createdAtMs, state, statement ?? null)
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    this.#sql.closeAgreement.run(statement ?? null, id)
  }

  async openAgreements(): Promise<JournalAgreement[]> {
    return this.#sql.openAgreements.all().map(readAgreement)
  }

  async addPayment(payment: Omit<JournalPayment, 'status' | 'fee' | 'preimage'>): Promise<boolean> {
    const { paymentHash, request, agreementId, origin, amount: sent, maxFee, createdAtMs } = payment
    return this.#sql.addPayment.run(paymentHash, request, agreementId, origin, sent, maxFee, createdAtMs) === 1
  }

  async endPayment(
    paymentHash: string,
    {
      status,
      fee,
      preimage,
    }: { readonly status: 'settled' | 'failed' | 'unknown'; readonly fee: Msat; readonly preimage?: string },
  ): Promise<void> {
    this.#sql.endPayment.run(status, fee, preimage ?? null, paymentHash)
  }

  async openPayments(): Promise<JournalPayment[]> {
    return this.#sql.openPayments.all().map(readPayment)
  }

  async spentSince(sinceMs: number, origin?: string): Promise<Msat> {
    const row = this.#sql.spent.get(sinceMs, origin ?? null, origin ?? null)
    return row ? msat(integer(row, 'spent')) : ZERO
  }

  async end(): Promise<void> {
    this.#database.close()
  }
}

function prepare(database: Database) {
  const queries = {
    addAgreement: 'INSERT OR IGNORE INTO agreements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    closeAgreement: `UPDATE agreements SET state = 'closed', statement = ? WHERE id = ?`,
    openAgreements: `SELECT * FROM agreements WHERE state = 'open' ORDER BY created_at_ms`,
    addPayment: `INSERT OR IGNORE INTO payments (payment_hash, request, agreement_id, origin, amount, max_fee, created_at_ms, status)
      VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')`,
    // A final outcome is never overwritten.
    endPayment: `UPDATE payments SET status = ?, fee = ?, preimage = ? WHERE payment_hash = ? AND status IN ('pending', 'unknown')`,
    openPayments: `SELECT * FROM payments WHERE status IN ('pending', 'unknown') ORDER BY created_at_ms`,
    spent: `SELECT coalesce(sum(CASE status WHEN 'failed' THEN 0 WHEN 'settled' THEN amount + fee ELSE amount + max_fee END), 0) AS spent
      FROM payments WHERE created_at_ms >= ? AND (? IS NULL OR origin = ?)`,
  } as const
  const entries = Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql)])
  return Object.fromEntries(entries) as Record<keyof typeof queries, Query>
}

const readAgreement = (row: Row): JournalAgreement => ({
  id: text(row, 'id'),
  secret: text(row, 'secret'),
  url: text(row, 'url'),
  method: text(row, 'method'),
  challenge: text(row, 'challenge'),
  agreement: text(row, 'agreement'),
  createdAtMs: number(row, 'created_at_ms'),
  state: text(row, 'state') as JournalAgreement['state'],
  ...(typeof row.statement === 'string' && { statement: row.statement }),
})

const readPayment = (row: Row): JournalPayment => ({
  paymentHash: text(row, 'payment_hash'),
  request: text(row, 'request'),
  agreementId: text(row, 'agreement_id'),
  origin: text(row, 'origin'),
  amount: amount(row, 'amount'),
  maxFee: amount(row, 'max_fee'),
  createdAtMs: number(row, 'created_at_ms'),
  status: text(row, 'status') as JournalPayment['status'],
  fee: amount(row, 'fee'),
  ...(typeof row.preimage === 'string' && { preimage: row.preimage }),
})
