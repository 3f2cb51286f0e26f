import type { PayingNode } from '../../../src/lightning/node.ts'
import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import type { PaymentResult } from './orders.ts'

/** Notes what a shared node is asked to pay, and for which agreement. */
export class Payments {
  readonly all: PaymentResult[] = []
  /** Of the invoices that members made: for what comes back to them. */
  readonly returns: string[] = []
  settled = 0
  paid = 0n
  readonly #startedAt: number

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
        const { paymentHash, amount = 0n, description = '' } = decodeInvoice(payment.request)
        const at = performance.now()
        const outcome = await node.pay(payment)
        const settled = outcome.status === 'settled'
        const tookMs = performance.now() - at
        this.all.push({ paymentHash, description, amount, atMs: at - this.#startedAt, tookMs, settled })
        if (settled) {
          this.settled++
          this.paid += amount
        }
        return outcome
      },
    }
  }
}
