import type { StatementSync } from 'node:sqlite'
import type { Settlement } from '../../lightning/node.ts'
import type { Msat } from '../../money/msat.ts'
import type { Agreement } from '../../terms/terms.ts'
import { encodeTariff } from '../../wire/tariff.ts'
import { owedOn, returnable, unfinished } from '../balance.ts'
import {
  type AgreementRecord,
  type Claim,
  type InvoiceRecord,
  type Ledger,
  MAX_RETURNS,
  type NewReturn,
  type Owed,
  type ReturnDelay,
  type ReturnRecord,
  type Settled,
} from '../ledger.ts'
import { Database } from './database.ts'
import { MIGRATIONS, QUERIES, readAgreement, readReturn } from './ledgerTables.ts'
import { amount, integer, number, type Row, storable, text } from './rows.ts'

/**
 * The ledger in one SQLite file of this process alone.
 *
 * What is written survives a killed process. A power cut may take the last moments with it, all that was written since some
 * instant, except a return, which is on the disk before money moves. What was settled then comes again from the node, because
 * the index it resumes from is lost too. Delivery counts fall back to an earlier write: what was delivered since is the
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

  async countStart(): Promise<bigint> {
    // Counted twice in a power cut, two statements would have one number.
    return this.#database.durableTransaction(() => integer(this.#sql.countStart.get(), 'count'))
  }

  async settlementIndex(): Promise<bigint> {
    return this.#database.guard(() => integer(this.#sql.lastIndex.get(), 'last_index'))
  }

  async addAgreement(
    agreement: Agreement,
    createdAtMs: number,
    invoices: readonly InvoiceRecord[],
    offered?: 'offered',
  ): Promise<boolean> {
    const { id, price, credit, smallestPayment, network, payee, scope, expiresAtMs, unsigned, tariff } = agreement
    const terms = [price.unit, price.msat, price.per, credit.start, credit.max, credit.ramp, smallestPayment]
    const place = [
      network,
      payee,
      scope,
      expiresAtMs,
      createdAtMs,
      unsigned ? 1 : 0,
      tariff ? JSON.stringify(encodeTariff(tariff)) : null,
      offered ?? null,
    ]
    const added = this.#database.transaction(() => {
      const { changes } = this.#sql.addAgreement.run(id, ...terms, ...place)
      if (changes > 0n) this.#insertInvoices(id, invoices)
      return changes > 0n
    })
    if (added && !offered && this.#unpaid !== undefined) this.#unpaid++
    return added
  }

  async claim(agreementId: string, { scheme, reference }: Claim): Promise<Claim | undefined> {
    return this.#database.transaction(() => {
      this.#sql.claim.run(scheme, reference ?? null, agreementId)
      return this.#read(agreementId)?.claim
    })
  }

  async topUp(agreementId: string, sessionId: string): Promise<Msat | undefined> {
    // Forgotten in a power cut after the session was used and closed, the same payment could go to another one.
    return this.#database.durableTransaction(() => {
      const from = this.#read(agreementId)
      const session = this.#read(sessionId)
      if (!from || session?.claim?.scheme !== 'session') return undefined
      if (from.claim?.scheme === 'top-up' && from.claim.reference === sessionId) return session.paid
      const moved = returnable(from)
      if (from.claim?.scheme !== 'offered' || moved <= 0n || session.state === 'closed') return undefined
      this.#sql.claim.run('top-up', sessionId, agreementId)
      this.#sql.addReturned.run(moved, agreementId)
      return amount(this.#sql.addPaid.get(moved, sessionId), 'paid')
    })
  }

  async unfinishedSessions(least: Msat): Promise<string[]> {
    return this.#database.guard(() => unfinished(this.#sql.sessions.all().map(readAgreement), least))
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
        this.#sql.rememberInvoices.run(id)
        this.#sql.forgetInvoices.run(id)
        this.#sql.forgetAgreement.run(id)
      }
      if (ids.length > 0) this.#sql.trimForgotten.run()
      return ids.length
    })
  }

  async countOpen(): Promise<{ readonly unpaid: number }> {
    this.#unpaid ??= this.#database.guard(() => number(this.#sql.countUnpaid.get(), 'count'))
    return { unpaid: this.#unpaid }
  }

  async oldestUnpaidMs(): Promise<number | undefined> {
    return this.#database.guard(() => timeOf(this.#sql.oldestUnpaid.get()))
  }

  async countOpenInvoices(agreementId: string, nowMs: number): Promise<number> {
    return this.#database.guard(() => number(this.#sql.countOpenInvoices.get(agreementId, nowMs), 'count'))
  }

  async nextInvoiceExpiryMs(agreementId: string, nowMs: number): Promise<number | undefined> {
    return this.#database.guard(() => timeOf(this.#sql.nextInvoiceExpiry.get(agreementId, nowMs)))
  }

  async settle(settlement: Settlement): Promise<Settled | undefined> {
    const { index, paymentHash, amount: arrived } = settlement
    this.#unpaid = undefined
    return this.#database.transaction(() => {
      this.#sql.moveIndex.run(index)
      const invoice = this.#sql.settleInvoice.get(arrived, paymentHash)
      if (!invoice) {
        const forgotten = this.#sql.settleForgotten.get(paymentHash)
        return forgotten && { agreementId: text(forgotten, 'agreement_id'), paid: arrived, forgotten: true }
      }
      const agreementId = text(invoice, 'agreement_id')
      return { agreementId, paid: amount(this.#sql.addPaid.get(arrived, agreementId), 'paid') }
    })
  }

  async lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void> {
    this.#database.guard(() => {
      const { changes } = this.#sql.lease.run(deliveredSteps, deliveredSteps, storable(leasedSteps), agreementId)
      if (changes === 0n) throw new Error(`agreement ${agreementId} is not open`)
    })
  }

  async close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string> {
    this.#unpaid = undefined
    return this.#database.transaction(() => {
      this.#sql.close.run(deliveredSteps, deliveredSteps, statement, agreementId)
      const kept = this.#sql.statement.get(agreementId)
      if (!kept) throw new Error(`agreement ${agreementId} is unknown`)
      return text(kept, 'statement')
    })
  }

  async closingStatement(agreementId: string): Promise<string | undefined> {
    const row = this.#database.guard(() => this.#sql.statement.get(agreementId))
    return typeof row?.statement === 'string' ? row.statement : undefined
  }

  async addReturn({ agreementId, paymentHash, request, amount: wanted, expiresAtMs }: NewReturn): Promise<boolean> {
    // Forgotten in a power cut after it was paid, it would be paid again.
    return this.#database.durableTransaction(() => {
      const record = this.#read(agreementId)
      if (!record || wanted <= 0n || wanted > returnable(record)) return false
      if (number(this.#sql.countReturns.get(agreementId), 'count') >= MAX_RETURNS) return false
      const { changes } = this.#sql.addReturn.run(paymentHash, agreementId, request, wanted, expiresAtMs)
      if (changes === 0n) return false
      this.#sql.addReturned.run(wanted, agreementId)
      return true
    })
  }

  async getReturn(paymentHash: string): Promise<ReturnRecord | undefined> {
    return this.#database.guard(() => {
      const row = this.#sql.getReturn.get(paymentHash)
      return row && readReturn(row)
    })
  }

  async delayReturn(paymentHash: string, { attempts, nextAttemptMs, failure }: ReturnDelay): Promise<void> {
    this.#database.guard(() => this.#sql.delayReturn.run(attempts, nextAttemptMs, failure, paymentHash))
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

  async owed(nowMs: number, least: Msat): Promise<Owed> {
    return this.#database.guard(() => owedOn(this.#sql.over.all(nowMs, least).map(readAgreement), nowMs, least))
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

/** The time a query found, which is none where nothing was there. */
const timeOf = (row: Row | undefined): number | undefined => (row?.at === null ? undefined : number(row, 'at'))
