import type { StatementSync } from 'node:sqlite'
import type { Settlement } from '../../lightning/node.ts'
import type { Msat } from '../../money/msat.ts'
import type { Agreement } from '../../terms/terms.ts'
import { returnable } from '../balance.ts'
import type { AgreementRecord, InvoiceRecord, Ledger, ReturnRecord } from '../ledger.ts'
import { Database } from './database.ts'
import { MIGRATIONS, QUERIES, readAgreement, readReturn } from './ledgerTables.ts'
import { amount, integer, number, text } from './rows.ts'

/** The largest count of steps that SQLite holds. No stream gets there: at a byte a step it is nine exabytes. */
const MAX_STEPS = 2n ** 63n - 1n

/**
 * The ledger in one SQLite file of this process alone.
 *
 * What is written survives a killed process. A power cut may take the last moments with it, all that was written since some
 * instant, except a return, which is on the disk before money moves. What was settled then comes again from the node, because
 * the index it resumes from is lost too. Delivery counts fall back to an earlier lease: what was delivered since is the
 * seller's loss. An agreement of those moments is unknown, and its buyer has lost what it had paid ahead.
 */
export class SqliteLedger implements Ledger {
  readonly #database: Database
  readonly #sql: { readonly [K in keyof typeof QUERIES]: StatementSync }
  /** How many agreements wait for their first payment, where that is known: every acceptance asks. */
  #unpaid: number | undefined

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, exclusive: true, durable: 'later', migrations: MIGRATIONS })
    this.#sql = this.#database.prepare(QUERIES)
  }

  async settlementIndex(): Promise<bigint> {
    return this.#database.guard(() => integer(this.#sql.lastIndex.get(), 'last_index'))
  }

  async addAgreement(agreement: Agreement, createdAtMs: number, invoices: readonly InvoiceRecord[]): Promise<boolean> {
    const { id, price, credit, smallestPayment, network, payee, scope, expiresAtMs } = agreement
    const terms = [price.unit, price.msat, price.per, credit.start, credit.max, credit.ramp, smallestPayment]
    const added = this.#database.transaction(() => {
      const { changes } = this.#sql.addAgreement.run(id, ...terms, network, payee, scope, expiresAtMs, createdAtMs)
      if (changes > 0n) this.#insertInvoices(id, invoices)
      return changes > 0n
    })
    if (added && this.#unpaid !== undefined) this.#unpaid++
    return added
  }

  async addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void> {
    if (invoices.length > 0) this.#database.transaction(() => this.#insertInvoices(agreementId, invoices))
  }

  async getAgreement(id: string): Promise<AgreementRecord | undefined> {
    return this.#database.guard(() => this.#read(id))
  }

  async pruneUnpaid(unpaidSinceMs: number): Promise<number> {
    this.#unpaid = undefined
    return this.#database.transaction(() => {
      const ids = this.#sql.forgettable.all(unpaidSinceMs, unpaidSinceMs).map((row) => text(row, 'id'))
      for (const id of ids) {
        this.#sql.forgetInvoices.run(id)
        this.#sql.forgetAgreement.run(id)
      }
      return ids.length
    })
  }

  async countOpen(): Promise<{ readonly unpaid: number }> {
    this.#unpaid ??= this.#database.guard(() => number(this.#sql.countUnpaid.get(), 'count'))
    return { unpaid: this.#unpaid }
  }

  async countOpenInvoices(agreementId: string, nowMs: number): Promise<number> {
    return this.#database.guard(() => number(this.#sql.countOpenInvoices.get(agreementId, nowMs), 'count'))
  }

  async settle(settlement: Settlement): Promise<{ readonly agreementId: string; readonly paid: Msat } | undefined> {
    const { index, paymentHash, amount: arrived } = settlement
    this.#unpaid = undefined
    return this.#database.transaction(() => {
      this.#sql.moveIndex.run(index)
      const invoice = this.#sql.settleInvoice.get(arrived, paymentHash)
      if (!invoice) return undefined
      const agreementId = text(invoice, 'agreement_id')
      return { agreementId, paid: amount(this.#sql.addPaid.get(arrived, agreementId), 'paid') }
    })
  }

  async lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void> {
    this.#database.guard(() => {
      const upTo = leasedSteps < MAX_STEPS ? leasedSteps : MAX_STEPS
      const { changes } = this.#sql.lease.run(deliveredSteps, upTo, agreementId)
      if (changes === 0n) throw new Error(`agreement ${agreementId} is not open`)
    })
  }

  async close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string> {
    this.#unpaid = undefined
    return this.#database.transaction(() => {
      this.#sql.close.run(deliveredSteps, statement, agreementId)
      const kept = this.#sql.statement.get(agreementId)
      if (!kept) throw new Error(`agreement ${agreementId} is unknown`)
      return text(kept, 'statement')
    })
  }

  async closingStatement(agreementId: string): Promise<string | undefined> {
    const row = this.#database.guard(() => this.#sql.statement.get(agreementId))
    return typeof row?.statement === 'string' ? row.statement : undefined
  }

  async addReturn({ agreementId, paymentHash, request, amount: wanted }: Omit<ReturnRecord, 'status' | 'fee'>) {
    // Forgotten in a power cut after it was paid, it would be paid again.
    return this.#database.durableTransaction(() => {
      const record = this.#read(agreementId)
      if (!record || wanted <= 0n || wanted > returnable(record)) return false
      const { changes } = this.#sql.addReturn.run(paymentHash, agreementId, request, wanted)
      if (changes === 0n) return false
      this.#sql.addReturned.run(wanted, agreementId)
      return true
    })
  }

  async endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void> {
    this.#database.transaction(() => {
      const ended = this.#sql.endReturn.get(status, fee, paymentHash)
      if (ended && status === 'failed')
        this.#sql.addReturned.run(-integer(ended, 'amount'), text(ended, 'agreement_id'))
    })
  }

  async pendingReturns(): Promise<ReturnRecord[]> {
    return this.#database.guard(() => this.#sql.pendingReturns.all().map(readReturn))
  }

  async end(): Promise<void> {
    this.#database.close()
  }

  #read(id: string): AgreementRecord | undefined {
    const row = this.#sql.agreement.get(id)
    return row && readAgreement(row)
  }

  #insertInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): void {
    for (const { paymentHash, amount: asked, expiresAtMs } of invoices) {
      const { changes } = this.#sql.addInvoice.run(paymentHash, asked, expiresAtMs, agreementId)
      if (changes === 0n) throw new Error(`agreement ${agreementId} is unknown`)
    }
  }
}
