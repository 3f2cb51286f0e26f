import type { JournalPayment } from '../../../src/ledger/journal.ts'
import type { PayingNode } from '../../../src/lightning/node.ts'
import type { PaymentResult } from './orders.ts'

/** Notes what a shared node is asked to pay, and how that ends. Invoices are not read meanwhile: their signatures cost time. */
export class Payments {
  /** Of the invoices that members made: for what comes back to them. */
  readonly returns: string[] = []
  settled = 0
  inFlight = 0
  readonly #startedAt: number
  /** By invoice. */
  readonly #paid = new Map<string, Pick<PaymentResult, 'atMs' | 'tookMs' | 'settled'>>()

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  /** The node, for all of its members. */
  noting(node: PayingNode): PayingNode {
    return {
      info: () => node.info(),
      lookupPayment: (hash) => node.lookupPayment(hash),
      lookupInvoice: (hash) => node.lookupInvoice(hash),
      createInvoices: async (requests) => {
        const invoices = await node.createInvoices(requests)
        this.returns.push(...invoices.map(({ paymentHash }) => paymentHash))
        return invoices
      },
      pay: async (payment) => {
        const at = performance.now()
        this.inFlight++
        const outcome = await node.pay(payment).finally(() => this.inFlight--)
        const settled = outcome.status === 'settled'
        this.#paid.set(payment.request, { atMs: at - this.#startedAt, tookMs: performance.now() - at, settled })
        if (settled) this.settled++
        return outcome
      },
    }
  }

  /** What the node was asked to pay of what a journal says. */
  of(journal: readonly JournalPayment[]): PaymentResult[] {
    return journal.flatMap(({ request, paymentHash, agreementId: agreement, amount }) => {
      const paid = this.#paid.get(request)
      return paid ? [{ paymentHash, agreement, amount, ...paid }] : []
    })
  }
}
