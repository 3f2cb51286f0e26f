import { negotiate } from '../../buyer/offers/negotiate.ts'
import { InvoicePool } from '../../buyer/payments/invoices.ts'
import { type Endpoint, send, streamChallenge } from '../../buyer/trade/control.ts'
import { follow } from '../../buyer/trade/watch.ts'
import { StreamError } from '../../errors/error.ts'
import type { Journal } from '../../ledger/journal.ts'
import type { NodeInfo, PayingNode } from '../../lightning/node.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { acceptUpTo } from '../../terms/strategy.ts'
import type { Statement } from '../../wire/statement.ts'

/** Stands in the journal for whoever scanned the code: no node can be asked what became of it. */
const BY_HAND = 'by-hand'

/** Shows an invoice to be paid until `done` resolves, or somebody calls it off by `cancel`. */
export type ShowInvoice = (invoice: string, amount: Msat, done: Promise<void>, cancel: () => void) => void

/** No wallet in this page: one invoice is shown, and some wallet elsewhere pays it. */
export interface Prepayment {
  readonly endpoint: Endpoint
  readonly network: Network
  /** What is paid beforehand. All of it is at risk until it is used: it is the window. */
  readonly amount: Msat
  readonly journal: Journal
  readonly show: ShowInvoice
  readonly signal: AbortSignal
}

/**
 * Makes an agreement and has its first invoice paid by hand. That it was paid is the seller's word: nobody here has another. What is left
 * in the journal is an agreement with a balance, which a buyer takes up like one of an earlier run.
 * @throws StreamError `payment-timeout` when the invoice expires unpaid; what `negotiate` throws; the reason of `signal`
 */
export async function prepay({ endpoint, network, amount, journal, show, signal }: Prepayment): Promise<void> {
  const refused = await endpoint.fetch(endpoint.url, { method: endpoint.method, signal })
  await refused.body?.cancel().catch(() => {})
  const first = streamChallenge(refused)
  if (!first) return
  const info = await handNode(network).info()
  const deal = await negotiate(endpoint, first, info, { strategy: acceptUpTo([]), limits: [] }, () => [amount])
  const { agreement, secret, challenge } = deal
  const pool = new InvoicePool(agreement, () => Promise.reject(new Error('one invoice is enough')))
  pool.add(deal.invoices, [amount])
  const invoice = pool.take(amount, amount)
  if (!invoice) throw new StreamError('invoice-invalid', 'the invoice expires too soon to be paid by hand')
  const now = Date.now()
  const { url, method } = endpoint
  const entry = { id: agreement.id, secret, url, method, challenge: JSON.stringify(challenge), agreement: deal.json }
  await journal.addAgreement({ ...entry, createdAtMs: now })
  const { paymentHash, request } = invoice
  const payment = { paymentHash, request, agreementId: agreement.id, origin: new URL(url).origin, payer: BY_HAND }
  const writing = await journal.addPayment({ ...payment, amount, maxFee: ZERO, createdAtMs: now, receivedSteps: 0n })
  if (!writing.written) throw new StreamError('budget-exhausted', 'the budget does not cover this amount')
  const watching = new AbortController()
  const paid = Promise.withResolvers<void>()
  const cancel = () => paid.reject(new StreamError('interrupted', 'the invoice was put away unpaid', { paymentHash }))
  const done = paid.promise.catch(() => {})
  show(request, amount, done, cancel)
  const statement = (heard: Statement) => heard.agreement === agreement.id && heard.paid >= amount && paid.resolve()
  const payload = { action: 'watch' as const, agreement: agreement.id, secret }
  void follow((ended) => send(endpoint, challenge, payload, ended), { statement, alive: () => {} }, watching.signal)
  const late = () =>
    paid.reject(new StreamError('payment-timeout', 'the invoice was not paid in time', { paymentHash }))
  const timer = setTimeout(late, invoice.expiresAtMs - now)
  signal.addEventListener('abort', () => paid.reject(signal.reason), { once: true })
  try {
    await paid.promise
    await journal.endPayment(paymentHash, { status: 'settled', fee: ZERO })
  } catch (error) {
    // It may yet be paid: it counts as spent.
    await journal.endPayment(paymentHash, { status: 'unknown', fee: ZERO })
    throw error
  } finally {
    clearTimeout(timer)
    watching.abort()
    await journal.releaseAgreement(agreement.id)
  }
}

/** The wallet of who has none here: it pays nothing more, and takes nothing back. */
export function handNode(network: Network): PayingNode {
  const abilities = { sign: false, settlements: 'polled', keysend: false, anyAmount: false } as const
  const info: NodeInfo = {
    kind: BY_HAND,
    network,
    publicKey: '',
    account: BY_HAND,
    alias: 'paid by hand',
    canSend: ZERO,
    canReceive: ZERO,
    abilities,
  }
  return {
    info: async () => info,
    pay: async () => ({ status: 'failed', reason: 'balance-insufficient', detail: 'what was prepaid is used up' }),
    lookupPayment: () => Promise.reject(new StreamError('node-unable', 'nobody here knows what was paid elsewhere')),
    createInvoices: () => Promise.reject(new StreamError('node-unable', 'there is no wallet here to take money back')),
    lookupInvoice: async () => undefined,
  }
}
