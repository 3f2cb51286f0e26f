import type { Settlement } from '../../lightning/node.ts'
import type { Msat } from '../../money/msat.ts'
import { costDown } from '../../money/price.ts'
import type { Agreement } from '../../terms/terms.ts'
import type { AgreementRecord, InvoiceRecord, Ledger, ReturnRecord } from '../ledger.ts'
import { Database, type Query } from './database.ts'
import { amount, integer, number, readAgreement, readReturn, text } from './rows.ts'

const MIGRATIONS = [
  `CREATE TABLE agreements (
     id TEXT PRIMARY KEY, unit TEXT NOT NULL, price_msat INTEGER NOT NULL, price_per INTEGER NOT NULL,
     credit_start INTEGER NOT NULL, credit_max INTEGER NOT NULL, credit_ramp INTEGER NOT NULL, smallest_payment INTEGER NOT NULL,
     network TEXT NOT NULL, payee TEXT NOT NULL, scope TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
     delivered_steps INTEGER NOT NULL DEFAULT 0, leased_steps INTEGER NOT NULL DEFAULT 0,
     paid INTEGER NOT NULL DEFAULT 0, returned INTEGER NOT NULL DEFAULT 0, payments INTEGER NOT NULL DEFAULT 0, statement TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX unpaid_agreements ON agreements (created_at_ms) WHERE paid = 0 AND statement IS NULL;
   CREATE TABLE invoices (
     payment_hash TEXT PRIMARY KEY, agreement_id TEXT NOT NULL REFERENCES agreements (id) ON DELETE CASCADE,
     amount INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, settled_amount INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX invoices_of ON invoices (agreement_id);
   CREATE TABLE returns (
     payment_hash TEXT PRIMARY KEY, agreement_id TEXT NOT NULL REFERENCES agreements (id),
     request TEXT NOT NULL, amount INTEGER NOT NULL, status TEXT NOT NULL, fee INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE settlements (only INTEGER PRIMARY KEY CHECK (only = 1), last_index INTEGER NOT NULL) STRICT;
   INSERT INTO settlements VALUES (1, 0)`,
]

/**
 * The ledger in one SQLite file. `synchronous` is `NORMAL`: a killed process loses nothing; a power cut may lose the last commits,
 * which the node then tells again, because the settlement index is lost with them.
 */
export class SqliteLedger implements Ledger {
  readonly #database: Database
  readonly #sql: ReturnType<typeof prepare>

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, synchronous: 'NORMAL', migrations: MIGRATIONS })
    this.#sql = prepare(this.#database)
  }

  async settlementIndex(): Promise<bigint> {
    return integer(this.#sql.index.get() ?? {}, 'last_index')
  }

  async addAgreement(agreement: Agreement, createdAtMs: number, invoices: readonly InvoiceRecord[]): Promise<boolean> {
    const { id, price, credit, smallestPayment, network, payee, scope, expiresAtMs } = agreement
    return this.#database.transaction(() => {
      const terms = [price.unit, price.msat, price.per, credit.start, credit.max, credit.ramp, smallestPayment]
      const added = this.#sql.addAgreement.run(id, ...terms, network, payee, scope, expiresAtMs, createdAtMs) === 1
      if (added) this.#insertInvoices(id, invoices)
      return added
    })
  }

  async addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void> {
    this.#database.transaction(() => this.#insertInvoices(agreementId, invoices))
  }

  async getAgreement(id: string): Promise<AgreementRecord | undefined> {
    const row = this.#sql.agreement.get(id)
    return row && readAgreement(row)
  }

  async pruneUnpaid(unpaidSinceMs: number): Promise<number> {
    return this.#sql.prune.run(unpaidSinceMs)
  }

  async countOpen(): Promise<{ readonly paid: number; readonly unpaid: number }> {
    const unpaid = number(this.#sql.countUnpaid.get() ?? {}, 'count')
    return { unpaid, paid: number(this.#sql.countOpen.get() ?? {}, 'count') - unpaid }
  }

  async countOpenInvoices(agreementId: string, nowMs: number): Promise<number> {
    return number(this.#sql.countOpenInvoices.get(agreementId, nowMs) ?? {}, 'count')
  }

  async settle({
    index,
    paymentHash,
    amount: arrived,
  }: Settlement): Promise<{ readonly agreementId: string; readonly paid: Msat } | undefined> {
    return this.#database.transaction(() => {
      this.#sql.moveIndex.run(index)
      // Booked once: a second settlement of the same hash changes no row.
      const row = this.#sql.settleInvoice.get(arrived, paymentHash)
      if (!row) return undefined
      const agreementId = text(row, 'agreement_id')
      const total = this.#sql.addPaid.get(arrived, agreementId)
      return total && { agreementId, paid: amount(total, 'paid') }
    })
  }

  async lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void> {
    this.#sql.lease.run(deliveredSteps, leasedSteps, agreementId)
  }

  async close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string> {
    return this.#database.transaction(() => {
      this.#sql.close.run(deliveredSteps, deliveredSteps, statement, agreementId)
      return text(this.#sql.statement.get(agreementId) ?? {}, 'statement')
    })
  }

  async closingStatement(agreementId: string): Promise<string | undefined> {
    const statement = this.#sql.statement.get(agreementId)?.statement
    return typeof statement === 'string' ? statement : undefined
  }

  async addReturn({
    agreementId,
    paymentHash,
    request,
    amount: wanted,
  }: Omit<ReturnRecord, 'status' | 'fee'>): Promise<boolean> {
    return this.#database.transaction(() => {
      const row = this.#sql.agreement.get(agreementId)
      if (!row) return false
      const { agreement, deliveredSteps, paid, returned } = readAgreement(row)
      if (wanted > paid - costDown(agreement.price, deliveredSteps) - returned) return false
      if (this.#sql.addReturn.run(paymentHash, agreementId, request, wanted) === 0) return false
      this.#sql.addReturned.run(wanted, agreementId)
      return true
    })
  }

  async endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void> {
    this.#database.transaction(() => {
      const row = this.#sql.endReturn.get(status, fee, paymentHash)
      if (row && status === 'failed') this.#sql.addReturned.run(-integer(row, 'amount'), text(row, 'agreement_id'))
    })
  }

  async pendingReturns(): Promise<ReturnRecord[]> {
    return this.#sql.pendingReturns.all().map(readReturn)
  }

  async end(): Promise<void> {
    this.#database.close()
  }

  #insertInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): void {
    for (const { paymentHash, amount: asked, expiresAtMs } of invoices) {
      this.#sql.addInvoice.run(paymentHash, agreementId, asked, expiresAtMs)
    }
  }
}

function prepare(database: Database) {
  const queries = {
    index: 'SELECT last_index FROM settlements',
    moveIndex: 'UPDATE settlements SET last_index = max(last_index, ?)',
    addAgreement: `INSERT OR IGNORE INTO agreements (id, unit, price_msat, price_per, credit_start, credit_max, credit_ramp,
      smallest_payment, network, payee, scope, expires_at_ms, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    addInvoice: 'INSERT INTO invoices (payment_hash, agreement_id, amount, expires_at_ms) VALUES (?, ?, ?, ?)',
    agreement: 'SELECT * FROM agreements WHERE id = ?',
    prune: 'DELETE FROM agreements WHERE paid = 0 AND statement IS NULL AND created_at_ms < ?',
    countOpen: 'SELECT count(*) AS count FROM agreements WHERE statement IS NULL',
    countUnpaid: 'SELECT count(*) AS count FROM agreements WHERE paid = 0 AND statement IS NULL',
    countOpenInvoices:
      'SELECT count(*) AS count FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL AND expires_at_ms > ?',
    settleInvoice: `UPDATE invoices SET settled_amount = ? WHERE payment_hash = ? AND settled_amount IS NULL RETURNING agreement_id`,
    addPaid: 'UPDATE agreements SET paid = paid + ?, payments = payments + 1 WHERE id = ? RETURNING paid',
    lease: `UPDATE agreements SET delivered_steps = max(delivered_steps, ?), leased_steps = max(leased_steps, ?) WHERE id = ?`,
    close: `UPDATE agreements SET delivered_steps = ?, leased_steps = ?, statement = ? WHERE id = ? AND statement IS NULL`,
    statement: 'SELECT statement FROM agreements WHERE id = ?',
    addReturn: `INSERT OR IGNORE INTO returns (payment_hash, agreement_id, request, amount, status) VALUES (?, ?, ?, ?, 'pending')`,
    addReturned: 'UPDATE agreements SET returned = returned + ? WHERE id = ?',
    endReturn: `UPDATE returns SET status = ?, fee = ? WHERE payment_hash = ? AND status = 'pending' RETURNING amount, agreement_id`,
    pendingReturns: `SELECT * FROM returns WHERE status = 'pending'`,
  } as const
  const entries = Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql)])
  return Object.fromEntries(entries) as Record<keyof typeof queries, Query>
}
