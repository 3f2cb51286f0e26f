import { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import type { Agreement } from '../../terms/terms.ts'
import { decodeInvoiceList } from '../../wire/agreement.ts'
import { checkInvoice, decodeInvoice } from '../../wire/bolt11.ts'
import { invoiceDescription } from '../../wire/proof.ts'

/** An invoice that was read and found to be what was agreed. */
export interface CheckedInvoice {
  readonly request: string
  readonly paymentHash: string
  readonly amount: Msat
  readonly expiresAtMs: number
}

/** An invoice must live at least this much longer when it is paid. */
const MINIMUM_LIFE_MS = 20_000
const MAX_BATCH = 16

/** Invoices of one agreement, asked for ahead of need and in batches, so that no payment waits for a round trip. */
export class InvoicePool {
  readonly #agreement: Agreement
  readonly #ask: (amounts: readonly Msat[]) => Promise<unknown>
  readonly #ready = new Map<Msat, CheckedInvoice[]>()
  #ordered = 0

  constructor(agreement: Agreement, ask: (amounts: readonly Msat[]) => Promise<unknown>) {
    this.#agreement = agreement
    this.#ask = ask
  }

  /** Invoices that were asked for and have not arrived. */
  get ordered(): number {
    return this.#ordered
  }

  count(amount: Msat): number {
    return this.#ready.get(amount)?.length ?? 0
  }

  /**
   * An invoice to pay `wanted` with: of that amount, or else the largest below it. So what was asked for under an earlier decision
   * is used up, and never more than is wanted is paid.
   * @param least none smaller: another is to be asked for
   */
  take(wanted: Msat, least: Msat): CheckedInvoice | undefined {
    let best: Msat | undefined
    for (const amount of this.#ready.keys()) {
      if (amount >= least && amount <= wanted && (best === undefined || amount > best) && this.#dropExpiring(amount))
        best = amount
    }
    return best === undefined ? undefined : this.#ready.get(best)?.shift()
  }

  /** Drops what expires too soon; `true` if any of that amount is left. */
  #dropExpiring(amount: Msat): boolean {
    const fresh = this.#list(amount).filter(({ expiresAtMs }) => expiresAtMs - Date.now() >= MINIMUM_LIFE_MS)
    if (fresh.length > 0) this.#ready.set(amount, fresh)
    else this.#ready.delete(amount)
    return fresh.length > 0
  }

  putBack(invoice: CheckedInvoice): void {
    this.#list(invoice.amount).unshift(invoice)
  }

  /** Asks for more of one size. @throws StreamError of the seller, `invoice-invalid`, `invoice-mismatch` */
  async order(amount: Msat, count: number): Promise<void> {
    const amounts = Array.from({ length: Math.min(count, MAX_BATCH) }, () => amount)
    this.#ordered += amounts.length
    try {
      this.add(decodeInvoiceList(await this.#ask(amounts)), amounts)
    } finally {
      this.#ordered -= amounts.length
    }
  }

  /** Reads invoices that came for these amounts, each checked before any is kept. */
  add(requests: readonly string[], amounts: readonly Msat[]): void {
    if (requests.length !== amounts.length) {
      throw new StreamError('invoice-mismatch', `${amounts.length} invoices were asked for and ${requests.length} came`)
    }
    const checked = requests.map((request, i) => this.#check(request, amounts[i]!))
    for (const invoice of checked) this.#list(invoice.amount).push(invoice)
  }

  #check(request: string, amount: Msat): CheckedInvoice {
    const { id, network, payee } = this.#agreement
    const decoded = decodeInvoice(request)
    // One that does not say what it is for would prove nothing later.
    const description = invoiceDescription(id)
    checkInvoice(decoded, { amount, network, payee, description, nowMs: Date.now(), minimumLifeMs: MINIMUM_LIFE_MS })
    return { request, paymentHash: decoded.paymentHash, amount, expiresAtMs: decoded.expiresAtMs }
  }

  #list(amount: Msat): CheckedInvoice[] {
    const list = this.#ready.get(amount) ?? []
    this.#ready.set(amount, list)
    return list
  }
}
