import { type Msat, msat, ZERO } from '../../money/msat.ts'
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

/** The journal of a process that keeps none: it forgets when the process ends. Runs in browsers. */
export class MemoryJournal implements Journal {
  readonly #agreements = new Map<string, JournalAgreement>()
  readonly #payments = new Map<string, JournalPayment>()
  readonly #held = new Set<string>()
  #limits: KeptLimit[] = []

  async addAgreement(agreement: NewAgreement): Promise<void> {
    if (this.#agreements.has(agreement.id)) return
    this.#agreements.set(agreement.id, { ...agreement, state: 'open', receivedSteps: 0n, returns: [] })
    this.#held.add(agreement.id)
  }

  async holdAgreement(id: string): Promise<boolean> {
    if (!this.#agreements.has(id) || this.#held.has(id)) return false
    this.#held.add(id)
    return true
  }

  async releaseAgreement(id: string): Promise<void> {
    this.#held.delete(id)
  }

  async noteReceived(id: string, steps: bigint): Promise<void> {
    const agreement = this.#agreements.get(id)
    if (agreement && steps > agreement.receivedSteps) this.#agreements.set(id, { ...agreement, receivedSteps: steps })
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    const agreement = this.#agreements.get(id)
    if (!agreement) return
    // The seller's first signed word stays.
    const kept = agreement.statement ?? statement
    this.#agreements.set(id, { ...agreement, state: 'closed', ...(kept !== undefined && { statement: kept }) })
  }

  async noteFault(id: string, fault: string): Promise<void> {
    const agreement = this.#agreements.get(id)
    if (agreement && agreement.fault === undefined) this.#agreements.set(id, { ...agreement, fault })
  }

  async noteReturn(id: string, { invoice, amount, status }: JournalReturn): Promise<void> {
    const agreement = this.#agreements.get(id)
    if (!agreement) return
    const known = agreement.returns.find((entry) => entry.invoice === invoice)
    if (known?.status === 'settled') return
    const entry = { invoice, amount, status }
    const returns = known
      ? agreement.returns.map((other) => (other === known ? entry : other))
      : [...agreement.returns, entry]
    this.#agreements.set(id, { ...agreement, returns })
  }

  async getAgreement(id: string): Promise<JournalAgreement | undefined> {
    return this.#agreements.get(id)
  }

  async agreements(state?: JournalAgreement['state']): Promise<JournalAgreement[]> {
    const wanted = [...this.#agreements.values()].filter((one) => state === undefined || one.state === state)
    return wanted.sort((a, b) => a.createdAtMs - b.createdAtMs || compare(a.id, b.id))
  }

  async addPayment(payment: NewPayment, limits: Limits = {}): Promise<Writing> {
    if (this.#payments.has(payment.paymentHash)) return { written: false, reason: 'known' }
    return this.#addPayment(payment, limits)
  }

  async repeatPayment(payment: NewPayment, limits: Limits = {}): Promise<Writing> {
    const status = this.#payments.get(payment.paymentHash)?.status ?? 'failed'
    if (status !== 'failed') return { written: false, reason: 'known' }
    return this.#addPayment(payment, limits)
  }

  async #addPayment(payment: NewPayment, given: Limits): Promise<Writing> {
    const { paymentHash, amount, maxFee, origin } = payment
    const limits = strictest(limitsAt(this.#limits, hostOf(origin)), given)
    // Adding up all payments is for those who set a limit.
    const isLimited = Object.keys(limits).length > 0
    const { over, near } = isLimited
      ? judge(limits, this.#spendingFor(payment), amount + maxFee, maxFee)
      : { over: undefined, near: [] }
    if (over) return { written: false, reason: 'limit', use: over }
    const { receivedSteps, ...kept } = payment
    this.#payments.set(paymentHash, { ...kept, status: 'pending', fee: ZERO })
    await this.noteReceived(payment.agreementId, receivedSteps)
    return { written: true, near }
  }

  async endPayment(paymentHash: string, end: PaymentEnd): Promise<void> {
    const payment = this.#payments.get(paymentHash)
    // A final outcome is never overwritten.
    if (payment && isOpen(payment)) this.#payments.set(paymentHash, { ...payment, ...end })
  }

  async getPayment(paymentHash: string): Promise<JournalPayment | undefined> {
    return this.#payments.get(paymentHash)
  }

  async payments(filter: PaymentFilter = {}): Promise<JournalPayment[]> {
    const { agreementId, open = false, sinceMs = 0, caller, before, newest } = filter
    const wanted = [...this.#payments.values()].filter(
      (payment) =>
        (agreementId === undefined || payment.agreementId === agreementId) &&
        (!open || isOpen(payment)) &&
        payment.createdAtMs >= sinceMs &&
        (caller === undefined || payment.caller === caller) &&
        (before === undefined || inOrder(payment, before) < 0),
    )
    return lastOf(wanted.sort(inOrder), newest)
  }

  async abandonedPayments(): Promise<JournalPayment[]> {
    const open = await this.payments({ open: true })
    return open.filter(({ agreementId }) => this.#agreements.has(agreementId) && !this.#held.has(agreementId))
  }

  async limits(): Promise<KeptLimit[]> {
    return this.#limits.toSorted((a, b) => compare(a.name, b.name) || compare(a.host ?? '', b.host ?? ''))
  }

  async setLimit(name: LimitName, amount: Msat | undefined, host?: string): Promise<void> {
    this.#limits = this.#limits.filter((limit) => limit.name !== name || limit.host !== host)
    if (amount !== undefined) this.#limits.push({ name, amount, ...(host !== undefined && { host }) })
  }

  async spending(): Promise<SpendingReport> {
    const { day, fees, total } = this.#sum(Date.now())
    const hosts = new Map<string, Msat>()
    for (const payment of this.#since(Date.now())) {
      const host = hostOf(payment.origin)
      hosts.set(host, msat((hosts.get(host) ?? 0n) + costOf(payment)))
    }
    return { day, fees, total, hosts: new Map([...hosts].sort(([a], [b]) => compare(a, b))) }
  }

  async callerSpending(caller: string): Promise<{ readonly total: Msat; readonly day: Msat }> {
    const { caller: total, 'caller-day': day } = this.#callerSum(caller, '', Date.now())
    return { total: msat(total), day: msat(day) }
  }

  async end(): Promise<void> {}

  #callerSum(
    caller: string | undefined,
    host: string,
    nowMs: number,
  ): Pick<Spending, 'caller' | 'caller-day' | 'caller-host'> {
    const own = [...this.#payments.values()].filter((payment) => caller !== undefined && payment.caller === caller)
    const recent = own.filter(({ createdAtMs }) => hourOf(createdAtMs) >= dayBefore(nowMs))
    return {
      caller: sumOf(own),
      'caller-day': sumOf(recent),
      'caller-host': sumOf(recent.filter(({ origin }) => hostOf(origin) === host)),
    }
  }

  #spendingFor({ agreementId, origin, createdAtMs, caller }: NewPayment): Spending {
    return {
      ...this.#sum(createdAtMs),
      ...this.#callerSum(caller, hostOf(origin), createdAtMs),
      agreement: sumOf([...this.#payments.values()].filter((payment) => payment.agreementId === agreementId)),
      host: sumOf(this.#since(createdAtMs).filter((payment) => hostOf(payment.origin) === hostOf(origin))),
    }
  }

  #sum(nowMs: number): { readonly day: bigint; readonly fees: bigint; readonly total: bigint } {
    const recent = this.#since(nowMs)
    return {
      day: recent.reduce((total, payment) => total + costOf(payment), 0n),
      fees: recent.reduce((total, payment) => total + feeOf(payment), 0n),
      total: [...this.#payments.values()].reduce((total, payment) => total + costOf(payment), 0n),
    }
  }

  #since = (nowMs: number): JournalPayment[] =>
    [...this.#payments.values()].filter(({ createdAtMs }) => hourOf(createdAtMs) >= dayBefore(nowMs))
}

const isOpen = ({ status }: JournalPayment): boolean => status === 'pending' || status === 'unknown'
const feeOf = ({ status, fee, maxFee }: JournalPayment): bigint =>
  status === 'failed' ? 0n : status === 'settled' ? fee : maxFee
const costOf = (payment: JournalPayment): bigint => (payment.status === 'failed' ? 0n : payment.amount + feeOf(payment))
const sumOf = (payments: readonly JournalPayment[]): bigint =>
  payments.reduce((total, payment) => total + costOf(payment), 0n)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
