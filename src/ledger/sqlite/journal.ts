import type { StatementSync } from 'node:sqlite'
import type { Msat } from '../../money/msat.ts'
import type { Journal, JournalAgreement, JournalPayment, NewPayment, PaymentEnd } from '../journal.ts'
import { Batch } from './batch.ts'
import { Database } from './database.ts'
import { MIGRATIONS, QUERIES, readAgreement, readPayment } from './journalTables.ts'
import { amount } from './rows.ts'

/**
 * The journal in one SQLite file, mode 0600, that several processes of one user may share. What resolved is on the disk: a
 * payment is there before it is sent, also through a power cut.
 */
export class SqliteJournal implements Journal {
  readonly #database: Database
  readonly #sql: { readonly [K in keyof typeof QUERIES]: StatementSync }
  readonly #batch: Batch

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, exclusive: false, durable: 'always', migrations: MIGRATIONS })
    this.#sql = this.#database.prepare(QUERIES)
    this.#batch = new Batch(this.#database)
  }

  async addAgreement(entry: JournalAgreement): Promise<void> {
    const { id, secret, url, method, challenge, agreement, createdAtMs, state, statement } = entry
    await this.#batch.add(() =>
      this.#sql.addAgreement.run(id, secret, url, method, challenge, agreement, createdAtMs, state, statement ?? null),
    )
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    await this.#batch.add(() => this.#sql.closeAgreement.run(statement ?? null, id))
  }

  async openAgreements(): Promise<JournalAgreement[]> {
    return this.#read(() => this.#sql.openAgreements.all().map(readAgreement))
  }

  async addPayment(payment: NewPayment): Promise<boolean> {
    const { paymentHash, request, agreementId, origin, amount: sent, maxFee, createdAtMs } = payment
    const { changes } = await this.#batch.add(() =>
      this.#sql.addPayment.run(paymentHash, request, agreementId, origin, sent, maxFee, createdAtMs),
    )
    return changes === 1n
  }

  async endPayment(paymentHash: string, { status, fee, preimage }: PaymentEnd): Promise<void> {
    await this.#batch.add(() => this.#sql.endPayment.run(status, fee, preimage ?? null, paymentHash))
  }

  async openPayments(): Promise<JournalPayment[]> {
    return this.#read(() => this.#sql.openPayments.all().map(readPayment))
  }

  async spentSince(sinceMs: number, origin?: string): Promise<Msat> {
    return this.#read(() => amount(this.#sql.spent.get(sinceMs, origin ?? null), 'spent'))
  }

  async end(): Promise<void> {
    this.#batch.flush()
    this.#database.close()
  }

  /** Reads see what was written before them, in the order of the calls. */
  #read<T>(work: () => T): T {
    this.#batch.flush()
    return this.#database.guard(work)
  }
}
