import { StreamError, toStreamError } from '../../errors/error.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import { type DecodedInvoice, decodeInvoice } from '../../wire/bolt11.ts'
import { type Invoice, type InvoiceRecord, type InvoiceRequest, MAX_LISTED, type Network } from '../node.ts'
import { type Asked, ask, find } from './ask.ts'
import { walletError } from './errors.ts'
import { isSettled, madeInvoiceSchema, type Transaction, transactionsSchema } from './messages.ts'
import type { WalletStore } from './store.ts'

/** Invoices that a wallet is asked for at once. */
const AT_ONCE = 16
/** Transactions of one answer: NIP-44 ends at 64 KiB, and each may hold an invoice of 1 KiB and more. */
export const PAGE = 20
/** Of what NIP-47 calls a description nothing says how long it may be; BOLT 11 does. */
const MAX_DESCRIPTION_BYTES = 639
/** What a wallet's clock may be off, and what it rounds. */
const EXPIRY_SLACK_MS = 60_000

/** What an invoice of this wallet has to be. */
export interface Payee {
  readonly network: Network
  readonly publicKey: string
}

/**
 * Has the wallet make invoices, a few at a time, in the order asked for, and writes them down before anybody sees them.
 * Each is read and held against what was asked for: a buyer would refuse one that differs.
 * @throws StreamError `amount-out-of-range`, `option-invalid`, `node-…`
 */
export async function createInvoices(
  link: Asked,
  store: Pick<WalletStore, 'noteMade'>,
  payee: Payee,
  requests: readonly InvoiceRequest[],
): Promise<Invoice[]> {
  for (const request of requests) checkRequest(request)
  const made: DecodedInvoice[] = []
  for (let at = 0; at < requests.length; at += AT_ONCE) {
    const some = requests.slice(at, at + AT_ONCE)
    made.push(...(await Promise.all(some.map((request) => createInvoice(link, payee, request)))))
  }
  store.noteMade(made)
  return made.map(({ request, paymentHash }) => ({ request, paymentHash }))
}

function checkRequest({ amount, description }: InvoiceRequest): void {
  if (amount === 0n) throw new StreamError('amount-out-of-range', 'an invoice needs an amount above zero')
  if (amount === 'any')
    throw new StreamError('node-unable', 'NIP-47 has no invoices that leave the amount to the payer')
  if (amount > Number.MAX_SAFE_INTEGER)
    throw new StreamError('amount-out-of-range', 'more than a wallet can be asked for')
  if (Buffer.byteLength(description) > MAX_DESCRIPTION_BYTES) {
    throw new StreamError('option-invalid', `an invoice's description has at most ${MAX_DESCRIPTION_BYTES} bytes`)
  }
}

async function createInvoice(link: Asked, payee: Payee, request: InvoiceRequest): Promise<DecodedInvoice> {
  const invoice = await makeInvoice(link, request)
  const wrong = differenceIn(invoice, payee, request)
  if (wrong === undefined) return invoice
  throw new StreamError('node-failed', `the wallet made an invoice ${wrong}`, { paymentHash: invoice.paymentHash })
}

/** Asks for one invoice, and reads it; whose it is and for what is not judged. @throws StreamError `node-…` */
export async function makeInvoice(link: Asked, request: InvoiceRequest): Promise<DecodedInvoice> {
  const params = {
    amount: Number(request.amount),
    description: request.description,
    expiry: Math.max(1, Math.round(request.expiresInSeconds)),
  }
  const doing = 'making an invoice'
  const { invoice } = await ask(link, madeInvoiceSchema, 'make_invoice', params).catch((error) => {
    throw walletError(error, doing)
  })
  try {
    return decodeInvoice(invoice)
  } catch (error) {
    throw new StreamError(
      'node-failed',
      `${doing}: what the wallet made cannot be read: ${toStreamError(error).message}`,
    )
  }
}

/** What is wrong with an invoice, to follow "an invoice"; `undefined` if it is what was asked for. */
export function differenceIn(invoice: DecodedInvoice, payee: Payee, request: InvoiceRequest): string | undefined {
  if (invoice.network !== payee.network) return `on ${invoice.network}, and is on ${payee.network}`
  if (invoice.payee !== payee.publicKey) {
    return 'that another node signed than those before: a service that pays in by several nodes cannot sell here'
  }
  if (invoice.amount !== request.amount) return `for ${invoice.amount ?? 'any'} msat and not for ${request.amount} msat`
  if (invoice.description !== request.description) return 'with a description of its own: it says what a payment is for'
  if (invoice.expiresAtMs - invoice.createdAtMs < request.expiresInSeconds * 1000 - EXPIRY_SLACK_MS) {
    return `that expires sooner than ${request.expiresInSeconds} s after`
  }
  return undefined
}

/** What arrived for an invoice; `undefined` while nothing has settled. @throws StreamError `node-…` */
export async function lookupInvoice(link: Asked, paymentHash: string): Promise<Msat | undefined> {
  const found = await findIncoming(link, paymentHash)
  return found && isSettled(found) ? found.amount : undefined
}

export async function findInvoice(link: Asked, paymentHash: string): Promise<InvoiceRecord | undefined> {
  const found = await findIncoming(link, paymentHash)
  return found && recordOf(found, Date.now())
}

async function findIncoming(link: Asked, paymentHash: string): Promise<Transaction | undefined> {
  const found = await find(link, paymentHash).catch((error) => {
    throw walletError(error, 'looking up an invoice')
  })
  return found?.type === 'outgoing' ? undefined : found
}

/** The wallet's invoices made last, newest first. @throws StreamError `node-…` */
export async function listInvoices(link: Asked, limit: number): Promise<InvoiceRecord[]> {
  const most = Math.min(limit, MAX_LISTED)
  const listed: Transaction[] = []
  while (listed.length < most) {
    const wanted = Math.min(PAGE, most - listed.length)
    const page = await incoming(link, { limit: wanted, offset: listed.length, unpaid: true })
    listed.push(...page.slice(0, wanted))
    if (page.length < wanted) break
  }
  const nowMs = Date.now()
  return listed.map((transaction) => recordOf(transaction, nowMs)).toSorted((a, b) => b.createdAtMs - a.createdAtMs)
}

/** One page of what came in, or was to. @throws StreamError `node-…` */
export async function incoming(link: Asked, params: object): Promise<Transaction[]> {
  const asked = { type: 'incoming', ...params }
  const { transactions } = await ask(link, transactionsSchema, 'list_transactions', asked).catch((error) => {
    throw walletError(error, 'listing transactions')
  })
  return transactions.filter(({ type }) => type !== 'outgoing')
}

/** An invoice as the wallet has it. Its own words are read from the invoice itself, which the wallet's node signed. */
export function recordOf(transaction: Transaction, nowMs: number): InvoiceRecord {
  const { invoice, payment_hash: paymentHash, state, amount, settled_at: settledAt } = transaction
  const decoded = readInvoice(invoice ?? '', paymentHash)
  const settled = isSettled(transaction)
  const createdAtMs = decoded?.createdAtMs ?? (transaction.created_at ?? 0) * 1000
  const expiresAtMs = decoded?.expiresAtMs ?? (transaction.expires_at ?? transaction.created_at ?? 0) * 1000
  const asked = decoded ? decoded.amount : undefined
  return {
    request: decoded?.request ?? '',
    paymentHash,
    ...(asked !== undefined && { amount: asked }),
    received: settled ? amount : ZERO,
    status: settled ? 'settled' : expiresAtMs <= nowMs ? 'expired' : state === 'failed' ? 'canceled' : 'open',
    description: decoded?.description ?? transaction.description ?? '',
    createdAtMs,
    expiresAtMs,
    ...(settled && settledAt && { settledAtMs: settledAt * 1000 }),
  }
}

/** `undefined` where there is no invoice, as for a keysend, or it is not the one of this payment. */
function readInvoice(request: string, paymentHash: string): DecodedInvoice | undefined {
  try {
    const decoded = decodeInvoice(request)
    return decoded.paymentHash === paymentHash ? decoded : undefined
  } catch {
    return undefined
  }
}
