import { StreamError } from '../../errors/error.ts'
import type { Settlement } from '../../lightning/node.ts'
import { MAX_MSAT, type Msat, minus, msat, ZERO } from '../../money/msat.ts'
import type { Agreement } from '../../terms/terms.ts'
import { owedOn, returnable, unfinished } from '../balance.ts'
import {
  type AgreementRecord,
  type Claim,
  type InvoiceRecord,
  type Ledger,
  MAX_FORGOTTEN,
  MAX_RETURNS,
  type NewReturn,
  type Owed,
  type ReturnDelay,
  type ReturnRecord,
  type Settled,
} from '../ledger.ts'

interface Entry {
  record: AgreementRecord
  /** By payment hash, those that are not settled. */
  readonly invoices: Map<string, InvoiceRecord>
  statement: string | undefined
}

/**
 * The ledger of a process that keeps none: agreements end with it. No method lets another run before it is done, so each is a
 * transaction.
 */
export class MemoryLedger implements Ledger {
  readonly #entries = new Map<string, Entry>()
  /** Payment hash of every unsettled invoice → the agreement it pays. */
  readonly #unsettled = new Map<string, Entry>()
  /** Open, and never paid. */
  readonly #unpaid = new Set<Entry>()
  /** Open or closed. */
  readonly #neverPaid = new Set<Entry>()
  readonly #returns = new Map<string, ReturnRecord>()
  /** Payment hash of every invoice of a forgotten agreement → its id, oldest first. */
  readonly #forgotten = new Map<string, string>()
  #settlementIndex = 0n
  #starts = 0n

  async countStart(): Promise<bigint> {
    return ++this.#starts
  }

  async settlementIndex(): Promise<bigint> {
    return this.#settlementIndex
  }

  async addAgreement(
    agreement: Agreement,
    createdAtMs: number,
    invoices: readonly InvoiceRecord[],
    offered?: 'offered',
  ): Promise<boolean> {
    if (this.#entries.has(agreement.id)) return false
    const record = { ...fresh(agreement, createdAtMs), ...(offered && { claim: { scheme: offered } }) }
    const entry: Entry = { record, invoices: new Map(), statement: undefined }
    this.#addInvoices(entry, invoices)
    this.#entries.set(agreement.id, entry)
    if (!offered) this.#unpaid.add(entry)
    this.#neverPaid.add(entry)
    return true
  }

  async claim(agreementId: string, claim: Claim): Promise<Claim | undefined> {
    const entry = this.#entries.get(agreementId)
    if (entry?.record.claim?.scheme === 'offered') entry.record = { ...entry.record, claim }
    return entry?.record.claim
  }

  async topUp(agreementId: string, sessionId: string): Promise<Msat | undefined> {
    const from = this.#entries.get(agreementId)
    const session = this.#entries.get(sessionId)
    if (!from || session?.record.claim?.scheme !== 'session') return undefined
    const { claim, returned } = from.record
    if (claim?.scheme === 'top-up' && claim.reference === sessionId) return session.record.paid
    const moved = returnable(from.record)
    if (claim?.scheme !== 'offered' || moved <= 0n || session.record.state === 'closed') return undefined
    const total = msat(session.record.paid + moved)
    const topUp = { scheme: 'top-up', reference: sessionId } as const
    from.record = { ...from.record, claim: topUp, returned: msat(returned + moved) }
    session.record = { ...session.record, paid: total, payments: session.record.payments + 1 }
    return total
  }

  async unfinishedSessions(least: Msat): Promise<string[]> {
    const records = [...this.#entries.values()].map(({ record }) => record)
    const sessions = records.filter(({ claim }) => claim?.scheme === 'session')
    return unfinished(sessions, least).sort()
  }

  async addInvoices(agreementId: string, invoices: readonly InvoiceRecord[]): Promise<void> {
    if (invoices.length > 0) this.#addInvoices(this.#known(agreementId), invoices)
  }

  async getAgreement(id: string): Promise<AgreementRecord | undefined> {
    return this.#entries.get(id)?.record
  }

  async pruneUnpaid(unpaidSinceMs: number): Promise<number> {
    let pruned = 0
    for (const entry of this.#neverPaid) {
      if (entry.record.createdAtMs >= unpaidSinceMs) continue
      // An invoice that can still be paid, or whose payment the node may still tell of, keeps its agreement.
      if ([...entry.invoices.values()].some(({ expiresAtMs }) => expiresAtMs >= unpaidSinceMs)) continue
      for (const hash of entry.invoices.keys()) {
        this.#unsettled.delete(hash)
        this.#forgotten.delete(hash)
        this.#forgotten.set(hash, entry.record.agreement.id)
      }
      this.#entries.delete(entry.record.agreement.id)
      this.#unpaid.delete(entry)
      this.#neverPaid.delete(entry)
      pruned++
    }
    for (const hash of this.#forgotten.keys()) {
      if (this.#forgotten.size <= MAX_FORGOTTEN) break
      this.#forgotten.delete(hash)
    }
    return pruned
  }

  async countOpen(): Promise<{ readonly unpaid: number }> {
    return { unpaid: this.#unpaid.size }
  }

  async oldestUnpaidMs(): Promise<number | undefined> {
    return earliest([...this.#unpaid].map(({ record }) => record.createdAtMs))
  }

  async countOpenInvoices(agreementId: string, nowMs: number): Promise<number> {
    const invoices = this.#entries.get(agreementId)?.invoices.values() ?? []
    return [...invoices].filter(({ expiresAtMs }) => expiresAtMs > nowMs).length
  }

  async nextInvoiceExpiryMs(agreementId: string, nowMs: number): Promise<number | undefined> {
    const invoices = this.#entries.get(agreementId)?.invoices.values() ?? []
    return earliest([...invoices].map(({ expiresAtMs }) => expiresAtMs).filter((expiresAtMs) => expiresAtMs > nowMs))
  }

  async settle(settlement: Settlement): Promise<Settled | undefined> {
    const { index, paymentHash, amount } = settlement
    const entry = this.#unsettled.get(paymentHash)
    const paid = (entry?.record.paid ?? 0n) + amount
    if (paid > MAX_MSAT) throw failed(`more than all bitcoin was paid on agreement ${entry?.record.agreement.id}`)
    if (index > this.#settlementIndex) this.#settlementIndex = index
    if (!entry) return this.#settleForgotten(paymentHash, amount)
    // Booked once: it is no longer among the unsettled when it is told again.
    this.#unsettled.delete(paymentHash)
    entry.invoices.delete(paymentHash)
    if (paid > 0n) {
      this.#unpaid.delete(entry)
      this.#neverPaid.delete(entry)
    }
    entry.record = { ...entry.record, paid: msat(paid), payments: entry.record.payments + 1 }
    return { agreementId: entry.record.agreement.id, paid: entry.record.paid }
  }

  async lease(agreementId: string, deliveredSteps: bigint, leasedSteps: bigint): Promise<void> {
    const entry = this.#known(agreementId)
    const { record } = entry
    if (record.state === 'closed') throw failed(`agreement ${agreementId} is not open`)
    entry.record = { ...record, deliveredSteps, leasedSteps: larger(leasedSteps, deliveredSteps) }
  }

  async close(agreementId: string, deliveredSteps: bigint, statement: string): Promise<string> {
    const entry = this.#known(agreementId)
    if (entry.statement !== undefined) return entry.statement
    entry.statement = statement
    entry.record = { ...entry.record, deliveredSteps, leasedSteps: deliveredSteps, state: 'closed' }
    this.#unpaid.delete(entry)
    return statement
  }

  async closingStatement(agreementId: string): Promise<string | undefined> {
    return this.#entries.get(agreementId)?.statement
  }

  async addReturn(claim: NewReturn): Promise<boolean> {
    const { agreementId, paymentHash, amount } = claim
    const entry = this.#entries.get(agreementId)
    if (!entry || amount <= 0n || amount > returnable(entry.record) || this.#returns.has(paymentHash)) return false
    if (this.#countReturns(agreementId) >= MAX_RETURNS) return false
    this.#returns.set(paymentHash, { ...claim, status: 'pending', fee: ZERO, attempts: 0, nextAttemptMs: 0 })
    entry.record = { ...entry.record, returned: msat(entry.record.returned + amount) }
    return true
  }

  async getReturn(paymentHash: string): Promise<ReturnRecord | undefined> {
    return this.#returns.get(paymentHash)
  }

  async delayReturn(paymentHash: string, { attempts, nextAttemptMs, failure }: ReturnDelay): Promise<void> {
    const claim = this.#returns.get(paymentHash)
    if (claim?.status === 'pending') this.#returns.set(paymentHash, { ...claim, attempts, nextAttemptMs, failure })
  }

  async endReturn(paymentHash: string, status: 'settled' | 'failed', fee: Msat): Promise<void> {
    const claim = this.#returns.get(paymentHash)
    if (claim?.status !== 'pending') return
    this.#returns.set(paymentHash, { ...claim, status, fee })
    if (status === 'settled') return
    const entry = this.#known(claim.agreementId)
    entry.record = { ...entry.record, returned: minus(entry.record.returned, claim.amount) }
  }

  async pendingReturns(): Promise<ReturnRecord[]> {
    const pending = [...this.#returns.values()].filter(({ status }) => status === 'pending')
    return pending.sort((a, b) => (a.paymentHash < b.paymentHash ? -1 : 1))
  }

  async owed(nowMs: number, least: Msat): Promise<Owed> {
    return owedOn(
      [...this.#entries.values()].map(({ record }) => record),
      nowMs,
      least,
    )
  }

  async end(): Promise<void> {}

  #settleForgotten(paymentHash: string, amount: Msat): Settled | undefined {
    const agreementId = this.#forgotten.get(paymentHash)
    this.#forgotten.delete(paymentHash)
    return agreementId === undefined ? undefined : { agreementId, paid: amount, forgotten: true }
  }

  #countReturns(agreementId: string): number {
    return [...this.#returns.values()].filter((claim) => claim.agreementId === agreementId && claim.status !== 'failed')
      .length
  }

  #known(id: string): Entry {
    const entry = this.#entries.get(id)
    if (!entry) throw failed(`agreement ${id} is unknown`)
    return entry
  }

  #addInvoices(entry: Entry, invoices: readonly InvoiceRecord[]): void {
    const hashes = new Set(invoices.map(({ paymentHash }) => paymentHash))
    if (hashes.size < invoices.length || invoices.some(({ paymentHash }) => this.#unsettled.has(paymentHash))) {
      throw failed('an invoice with this payment hash is booked already')
    }
    for (const invoice of invoices) {
      entry.invoices.set(invoice.paymentHash, invoice)
      this.#unsettled.set(invoice.paymentHash, entry)
    }
  }
}

const failed = (message: string): StreamError => new StreamError('ledger-failed', message)
const earliest = (times: readonly number[]): number | undefined =>
  times.length === 0 ? undefined : times.reduce((first, time) => Math.min(first, time))
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)

const fresh = (agreement: Agreement, createdAtMs: number): AgreementRecord => ({
  agreement,
  createdAtMs,
  state: 'open',
  deliveredSteps: 0n,
  leasedSteps: 0n,
  paid: ZERO,
  returned: ZERO,
  payments: 0,
})
