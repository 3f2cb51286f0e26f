import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Journal, JournalAgreement, JournalPayment, NewPayment, PaymentEnd } from '../journal.ts'

/** The journal of a process that keeps none: it forgets when the process ends. Runs in browsers. */
export class MemoryJournal implements Journal {
  readonly #agreements = new Map<string, JournalAgreement>()
  readonly #payments = new Map<string, JournalPayment>()

  async addAgreement(agreement: JournalAgreement): Promise<void> {
    if (!this.#agreements.has(agreement.id)) this.#agreements.set(agreement.id, agreement)
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    const agreement = this.#agreements.get(id)
    if (!agreement) return
    // The seller's first signed word stays.
    const kept = agreement.statement ?? statement
    this.#agreements.set(id, { ...agreement, state: 'closed', ...(kept !== undefined && { statement: kept }) })
  }

  async openAgreements(): Promise<JournalAgreement[]> {
    const open = [...this.#agreements.values()].filter(({ state }) => state === 'open')
    return open.sort((a, b) => a.createdAtMs - b.createdAtMs || compare(a.id, b.id))
  }

  async addPayment(payment: NewPayment): Promise<boolean> {
    if (this.#payments.has(payment.paymentHash)) return false
    this.#payments.set(payment.paymentHash, { ...payment, status: 'pending', fee: ZERO })
    return true
  }

  async endPayment(paymentHash: string, end: PaymentEnd): Promise<void> {
    const payment = this.#payments.get(paymentHash)
    // A final outcome is never overwritten.
    if (payment && isOpen(payment)) this.#payments.set(paymentHash, { ...payment, ...end })
  }

  async openPayments(): Promise<JournalPayment[]> {
    const open = [...this.#payments.values()].filter(isOpen)
    return open.sort((a, b) => a.createdAtMs - b.createdAtMs || compare(a.paymentHash, b.paymentHash))
  }

  async spentSince(sinceMs: number, origin?: string): Promise<Msat> {
    let spent = 0n
    for (const payment of this.#payments.values()) {
      if (payment.createdAtMs < sinceMs || (origin !== undefined && payment.origin !== origin)) continue
      if (payment.status === 'failed') continue
      spent += payment.amount + (payment.status === 'settled' ? payment.fee : payment.maxFee)
    }
    return msat(spent)
  }

  async end(): Promise<void> {}
}

const isOpen = ({ status }: JournalPayment): boolean => status === 'pending' || status === 'unknown'
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
