import type { StatementSync } from 'node:sqlite'
import { type Msat, msat } from '../../money/msat.ts'
import type {
  Journal,
  JournalAgreement,
  JournalPayment,
  JournalReturn,
  NewAgreement,
  NewPayment,
  PaymentEnd,
  PaymentFilter,
  SpendingReport,
  Writing,
} from '../journal.ts'
import { dayBefore, hostOf, hourOf } from '../journalTime.ts'
import { judge, type KeptLimit, type LimitName, type Limits, limitsAt, type Spending, strictest } from '../limits.ts'
import { inOrder, lastOf } from '../pages.ts'
import { Batch } from './batch.ts'
import { Database } from './database.ts'
import { Holder } from './holder.ts'
import { MIGRATIONS, QUERIES, readAgreement, readLimit, readPayment } from './journalTables.ts'
import { amount, integer, number, type Row, storable, text } from './rows.ts'

/**
 * The journal in one SQLite file, mode 0600, that several processes of one user may share. What resolved is on the disk: a
 * payment is there before it is sent, also through a power cut.
 */
export class SqliteJournal implements Journal {
  readonly #database: Database
  readonly #sql: { readonly [K in keyof typeof QUERIES]: StatementSync }
  readonly #batch: Batch
  readonly #holder: Holder

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, exclusive: false, durable: 'always', migrations: MIGRATIONS })
    this.#sql = this.#database.prepare(QUERIES)
    this.#batch = new Batch(this.#database)
    this.#holder = new Holder(path)
  }

  async addAgreement(entry: NewAgreement): Promise<void> {
    const { id, secret, url, method, challenge, agreement, createdAtMs, caller = '' } = entry
    const holder = this.#holder.take()
    await this.#batch.add(() =>
      this.#sql.addAgreement.run(id, secret, url, method, challenge, agreement, createdAtMs, holder, caller),
    )
  }

  async holdAgreement(id: string): Promise<boolean> {
    const holder = this.#holder.take()
    return this.#batch.add(() => {
      const row = this.#sql.holderOf.get(id)
      if (!row) return false
      if (this.#holder.isAlive(text(row, 'holder'))) return false
      this.#sql.hold.run(holder, id)
      return true
    })
  }

  async releaseAgreement(id: string): Promise<void> {
    await this.#batch.add(() => {
      this.#sql.release.run(id, this.#holder.name)
      this.#sql.releasePayments.run(id, this.#holder.name)
    })
  }

  async noteReceived(agreementId: string, steps: bigint): Promise<void> {
    // Written often, and a power cut that takes the last of them only makes the buyer's own count smaller.
    this.#database.quickTransaction(() => this.#sql.noteReceived.run(storable(steps), agreementId))
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    await this.#batch.add(() => this.#sql.closeAgreement.run(statement ?? null, id))
  }

  async noteFault(agreementId: string, fault: string): Promise<void> {
    await this.#batch.add(() => this.#sql.noteFault.run(fault, agreementId))
  }

  async noteReturn(agreementId: string, { invoice, amount: asked, status }: JournalReturn): Promise<void> {
    await this.#batch.add(() => this.#sql.noteReturn.run(agreementId, invoice, asked, status))
  }

  async getAgreement(id: string): Promise<JournalAgreement | undefined> {
    return this.#read(() => {
      const row = this.#sql.agreement.get(id)
      return row && this.#readAgreement(row)
    })
  }

  async agreements(state?: JournalAgreement['state']): Promise<JournalAgreement[]> {
    return this.#read(() => this.#sql.agreements.all(state ?? null).map((row) => this.#readAgreement(row)))
  }

  async addPayment(payment: NewPayment, limits: Limits = {}): Promise<Writing> {
    const holder = this.#holder.take()
    return this.#batch.add(() => {
      if (this.#sql.isKnown.get(payment.paymentHash)) return { written: false, reason: 'known' }
      return this.#addPayment(payment, limits, holder)
    })
  }

  async repeatPayment(payment: NewPayment, limits: Limits = {}): Promise<Writing> {
    const holder = this.#holder.take()
    return this.#batch.add(() => {
      // One that failed counts nothing any more: what stands in its place is held against the limits as any other.
      if (this.#sql.isPaid.get(payment.paymentHash)) return { written: false, reason: 'known' }
      return this.#addPayment(payment, limits, holder)
    })
  }

  async endPayment(paymentHash: string, { status, fee, preimage }: PaymentEnd): Promise<void> {
    await this.#batch.add(() => {
      const ended = this.#sql.endPayment.get(status, fee, preimage ?? null, paymentHash)
      if (!ended || status === 'unknown') return
      const maxFee = integer(ended, 'max_fee')
      const change = status === 'settled' ? fee - maxFee : -integer(ended, 'amount') - maxFee
      const host = hostOf(text(ended, 'origin'))
      this.#sql.addSpending.run(hourOf(number(ended, 'created_at_ms')), host, change, fee - maxFee)
      this.#sql.addSpent.run(change, text(ended, 'agreement_id'))
      this.#addCallerSpending(text(ended, 'caller'), hourOf(number(ended, 'created_at_ms')), host, change)
    })
  }

  async getPayment(paymentHash: string): Promise<JournalPayment | undefined> {
    return this.#read(() => {
      const row = this.#sql.payment.get(paymentHash)
      return row && readPayment(row)
    })
  }

  async payments(filter: PaymentFilter = {}): Promise<JournalPayment[]> {
    const { agreementId = null, open = false, sinceMs = 0, caller, before, newest } = filter
    if (open) {
      const rows = this.#read(() => this.#sql.openPayments.all(agreementId, sinceMs).map(readPayment))
      const wanted = rows.filter(
        (one) => (caller === undefined || one.caller === caller) && (before === undefined || inOrder(one, before) < 0),
      )
      return lastOf(wanted, newest)
    }
    if (caller === undefined && before === undefined && newest === undefined) {
      return this.#read(() => this.#sql.payments.all(agreementId, sinceMs).map(readPayment))
    }
    const place = [before?.createdAtMs ?? Number.MAX_SAFE_INTEGER, before?.paymentHash ?? ''] as const
    const ask = [agreementId, sinceMs, ...place, caller ?? null, newest ?? -1] as const
    return this.#read(() =>
      this.#sql.latestPayments
        .all(...ask)
        .reverse()
        .map(readPayment),
    )
  }

  async abandonedPayments(): Promise<JournalPayment[]> {
    return this.#read(() => {
      const alive = new Map<string, boolean>()
      return this.#sql.openPayments
        .all(null, 0)
        .filter((row) => {
          const holder = text(row, 'holder')
          if (!alive.has(holder)) alive.set(holder, this.#holder.isAlive(holder))
          return !alive.get(holder)
        })
        .map(readPayment)
    })
  }

  async limits(): Promise<KeptLimit[]> {
    return this.#read(() => this.#sql.limits.all().map(readLimit))
  }

  async setLimit(name: LimitName, max: Msat | undefined, host = ''): Promise<void> {
    await this.#batch.add(() => {
      if (max === undefined) this.#sql.dropLimit.run(name, host)
      else this.#sql.setLimit.run(name, host, max)
    })
  }

  async spending(): Promise<SpendingReport> {
    return this.#read(() => {
      const since = dayBefore(Date.now())
      const day = this.#sql.daySpent.get(since)
      const hosts = this.#sql.hostsSpent.all(since).map((row) => [text(row, 'host'), amount(row, 'spent')] as const)
      return {
        day: integer(day, 'spent'),
        fees: integer(day, 'fees'),
        total: integer(this.#sql.totalSpent.get(), 'spent'),
        hosts: new Map(hosts),
      }
    })
  }

  async callerSpending(caller: string): Promise<{ readonly total: Msat; readonly day: Msat }> {
    return this.#read(() => ({
      total: amount(this.#sql.callerSpent.get(caller), 'spent'),
      day: amount(this.#sql.callerDaySpent.get(caller, dayBefore(Date.now())), 'spent'),
    }))
  }

  async end(): Promise<void> {
    this.#batch.flush()
    this.#holder.end()
    this.#database.close()
  }

  /** In the transaction that found it may be written: no other process can add between the look at the limits and the writing. */
  #addPayment(payment: NewPayment, given: Limits, holder: string): Writing {
    const {
      paymentHash,
      request,
      agreementId,
      origin,
      payer,
      amount: sent,
      maxFee,
      createdAtMs,
      receivedSteps,
      caller = '',
    } = payment
    const host = hostOf(origin)
    const limits = strictest(limitsAt(this.#sql.limits.all().map(readLimit), host), given)
    const cost = msat(sent) + maxFee
    const { over, near } = judge(limits, this.#spending(limits, payment, host), cost, maxFee)
    if (over) return { written: false, reason: 'limit', use: over }
    this.#sql.addPayment.run(
      paymentHash,
      request,
      agreementId,
      origin,
      payer,
      sent,
      maxFee,
      createdAtMs,
      holder,
      caller,
    )
    this.#sql.addSpending.run(hourOf(createdAtMs), host, cost, maxFee)
    this.#sql.addSpent.run(cost, agreementId)
    this.#addCallerSpending(caller, hourOf(createdAtMs), host, cost)
    this.#sql.noteReceived.run(storable(receivedSteps), agreementId)
    return { written: true, near }
  }

  /** Only what a limit asks for is added up. */
  #spending(limits: Limits, { agreementId, createdAtMs, caller = '' }: NewPayment, host: string): Spending {
    const since = dayBefore(createdAtMs)
    const spent = (wanted: unknown, query: () => ReturnType<StatementSync['get']>, column = 'spent') => {
      const row = wanted === undefined ? undefined : query()
      return row ? integer(row, column) : 0n
    }
    return {
      agreement: spent(limits.agreement, () => this.#sql.agreementSpent.get(agreementId)),
      host: spent(limits.host, () => this.#sql.hostSpent.get(host, since)),
      day: spent(limits.day, () => this.#sql.daySpent.get(since)),
      fees: spent(limits.fees, () => this.#sql.daySpent.get(since), 'fees'),
      total: spent(limits.total, () => this.#sql.totalSpent.get()),
      caller: spent(limits.caller, () => this.#sql.callerSpent.get(caller)),
      'caller-day': spent(limits['caller-day'], () => this.#sql.callerDaySpent.get(caller, since)),
      'caller-host': spent(limits['caller-host'], () => this.#sql.callerHostSpent.get(caller, since, host)),
    }
  }

  #addCallerSpending(caller: string, hour: number, host: string, change: bigint): void {
    if (caller !== '') this.#sql.addCallerSpending.run(caller, hour, host, change)
  }

  #readAgreement(row: Row): JournalAgreement {
    return readAgreement(row, this.#sql.returns.all(text(row, 'id')))
  }

  /** Reads see what was written before them, in the order of the calls. */
  #read<T>(work: () => T): T {
    this.#batch.flush()
    return this.#database.guard(work)
  }
}
