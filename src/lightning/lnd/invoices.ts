import { StreamError } from '../../errors/error.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import { type Invoice, type InvoiceRecord, type InvoiceRequest, MAX_LISTED } from '../node.ts'
import { nodeError, rethrow } from './errors.ts'
import type { LndInvoice, LndRpc } from './rpc.ts'
import { type RpcError, STATUS } from './status.ts'

/** The `d` field of BOLT 11 counts its length in ten bits, of five-bit words. */
const MAX_DESCRIPTION_BYTES = 639
const HASH = /^[0-9a-f]{64}$/

export async function createInvoice(rpc: LndRpc, request: InvoiceRequest): Promise<Invoice> {
  // Zero would make an invoice that takes any amount; that has to be asked for by its name.
  if (request.amount === 0n) throw new StreamError('amount-out-of-range', 'an invoice needs an amount above zero')
  if (Buffer.byteLength(request.description) > MAX_DESCRIPTION_BYTES) {
    throw new StreamError('option-invalid', `an invoice's description has at most ${MAX_DESCRIPTION_BYTES} bytes`)
  }
  const fields = {
    value_msat: request.amount === 'any' ? '0' : request.amount.toString(),
    memo: request.description,
    expiry: String(Math.max(1, Math.round(request.expiresInSeconds))),
    // Hints are added only for channels that are not announced, and without them nobody finds a node that has no others.
    private: true,
  }
  const invoice = await rpc.call('addInvoice', fields).catch(rethrow('making an invoice'))
  return { request: invoice.payment_request, paymentHash: invoice.r_hash.toString('hex') }
}

/** LND's call: LookupInvoice. */
export async function findInvoice(rpc: LndRpc, paymentHash: string): Promise<InvoiceRecord | undefined> {
  const invoice = await lookup(rpc, paymentHash)
  return invoice && recordOf(invoice, Date.now())
}

/** What arrived for an invoice; `undefined` until it is settled. */
export async function settledAmount(rpc: LndRpc, paymentHash: string): Promise<Msat | undefined> {
  const invoice = await lookup(rpc, paymentHash)
  return invoice?.state === 'SETTLED' ? msat(BigInt(invoice.amt_paid_msat)) : undefined
}

/** LND's call: ListInvoices, which counts from its end when reversed, and answers in the order of making all the same. */
export async function listInvoices(rpc: LndRpc, limit: number): Promise<InvoiceRecord[]> {
  const count = Math.min(Math.max(0, Math.floor(limit)), MAX_LISTED)
  // None asked for: LND would take a zero for its own default.
  if (!count) return []
  const page = { index_offset: '0', num_max_invoices: String(count), reversed: true }
  const { invoices } = await rpc.call('listInvoices', page).catch(rethrow('listing invoices'))
  const now = Date.now()
  return invoices.map((invoice) => recordOf(invoice, now)).reverse()
}

async function lookup(rpc: LndRpc, paymentHash: string): Promise<LndInvoice | undefined> {
  if (!HASH.test(paymentHash)) return undefined
  try {
    return await rpc.call('lookupInvoice', { r_hash: Buffer.from(paymentHash, 'hex') })
  } catch (error) {
    if (isUnknownInvoice(error as RpcError)) return undefined
    throw nodeError(error, 'looking up an invoice')
  }
}

/** LND's word for an invoice that it does not have: NOT_FOUND, or a text of older versions. */
const isUnknownInvoice = ({ code, details }: RpcError): boolean =>
  code === STATUS.notFound || /unable to locate invoice|there are no existing invoices/i.test(details ?? '')

/** An invoice of LND at a time. It cancels the expired ones itself, which is not what a person calls canceled. */
export function recordOf(invoice: LndInvoice, nowMs: number): InvoiceRecord {
  const createdAtMs = Number(invoice.creation_date) * 1000
  const expiresAtMs = createdAtMs + Number(invoice.expiry) * 1000
  const amount = BigInt(invoice.value_msat)
  const isSettled = invoice.state === 'SETTLED'
  return {
    request: invoice.payment_request,
    paymentHash: invoice.r_hash.toString('hex'),
    // Of a keysend LND keeps what arrived as what was asked for.
    ...(amount > 0n && !invoice.is_keysend && { amount: msat(amount) }),
    received: isSettled ? msat(BigInt(invoice.amt_paid_msat)) : ZERO,
    status: statusOf(invoice.state, expiresAtMs <= nowMs),
    description: invoice.memo,
    createdAtMs,
    expiresAtMs,
    ...(isSettled && { settledAtMs: Number(invoice.settle_date) * 1000 }),
  }
}

function statusOf(state: LndInvoice['state'], isLate: boolean): InvoiceRecord['status'] {
  if (state === 'SETTLED') return 'settled'
  // Held for an HTLC: whatever the time, it is not over.
  if (state === 'ACCEPTED') return 'open'
  if (isLate) return 'expired'
  return state === 'CANCELED' ? 'canceled' : 'open'
}
