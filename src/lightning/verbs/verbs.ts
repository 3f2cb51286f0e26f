import { unlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import { type Msat, toMsat } from '../../money/msat.ts'
import { type InvoiceDetails, invoiceDetails } from '../../wire/invoiceDetails.ts'
import { findInvoiceText } from '../../wire/invoiceText.ts'
import type { Invoice, LightningNode, PaymentOutcome } from '../node.ts'
import { type PayLimits, type PreparedPayment, prepareInvoice, prepareKeysend } from './prepare.ts'

const DEFAULT_EXPIRY_SECONDS = 3600
/** BOLT 11 sets no limit; what is valid for longer than a year is a mistake. */
const MAX_EXPIRY_SECONDS = 366 * 86_400
const DEFAULT_TIMEOUT_MS = 60_000

export interface InvoiceOptions {
  /** What it is for, as the payer will read it: at most 639 bytes. Empty by default. */
  readonly description?: string
  /** How long it can be paid, in seconds: 1 to 31,622,400, which is a year. 3,600 by default. */
  readonly expiresInSeconds?: number
  /** Ends the waiting for the node. An invoice that it makes all the same is known to nobody, and expires. None by default. */
  readonly signal?: AbortSignal
}

/**
 * Makes an invoice.
 * @param amount as people write it, in msat, or `any`, which leaves it to the payer
 * @throws StreamError `amount-invalid`, `amount-out-of-range`, `option-invalid`, `node-unable` (`any`, by a node that cannot), `node-…`
 * @example
 * const { request, paymentHash } = await createInvoice(node, '50 sat', { description: 'tea', expiresInSeconds: 600 })
 */
export async function createInvoice(
  node: LightningNode,
  amount: string | Msat,
  { description = '', expiresInSeconds = DEFAULT_EXPIRY_SECONDS, signal }: InvoiceOptions = {},
): Promise<Invoice> {
  signal?.throwIfAborted()
  const asked = amount === 'any' ? amount : toMsat(amount)
  if (asked === 0n)
    throw new StreamError('amount-out-of-range', 'an invoice asks for at least 1 msat; "any" leaves it open')
  if (!(expiresInSeconds >= 1 && expiresInSeconds <= MAX_EXPIRY_SECONDS)) {
    throw new StreamError('option-invalid', 'an invoice is valid for a second at least, and for a year at most')
  }
  if (asked === 'any' && !(await unlessAborted(node.info(), signal)).abilities.anyAmount) {
    throw new StreamError('node-unable', 'this node makes no invoices that leave the amount to the payer')
  }
  const made = node.createInvoices([{ amount: asked, description, expiresInSeconds }])
  const [invoice] = await unlessAborted(made, signal)
  return invoice!
}

/**
 * Reads an invoice, with everything in it: BOLT 11, also as `lightning:…` or in a `bitcoin:` URI, of any network. Needs no node and asks
 * nobody. Its signature is checked; that anyone can be paid by it is not.
 * @throws StreamError `invoice-invalid`
 * @example const { network, amount, payee, expiresAtMs, routeHints } = readInvoice('lightning:lnbc20n1…')
 */
export function readInvoice(text: string): InvoiceDetails {
  return invoiceDetails(findInvoiceText(text))
}

export interface PayOptions extends PayLimits {
  /** After this long nothing more is tried, in ms. The outcome is then unknown if something is still on its way. 60,000 by default. */
  readonly timeoutMs?: number
  /**
   * Called once all has been looked over, and awaited before anything is sent: the place to write the payment down, by its hash, or to
   * ask somebody. What it throws is thrown on, and nothing is sent. None by default.
   */
  readonly beforeSending?: (payment: PreparedPayment) => void | Promise<void>
  /**
   * Calls it off. Until the payment is sent it rejects with the signal's reason, and nothing moves. A payment on its way cannot be called
   * back: then nobody waits for it any more, and the outcome is `pending`. None by default.
   */
  readonly signal?: AbortSignal
}

/**
 * Pays an invoice, and waits for the outcome. The network guard comes first: an invoice of another network is refused before anything
 * moves, as is one that has expired, or is this node's own. The same invoice is never paid twice, however often it is asked for.
 *
 * How it ended is a value; only `settled` and `failed` are final. What is `pending` or `unknown` may yet be paid: ask
 * `node.lookupPayment(paymentHash)`, and count it as spent until then.
 * @throws StreamError, with nothing sent: `network-mismatch`, `invoice-invalid`, `option-invalid`, `amount-…`, `node-…`; the signal's reason
 * @example
 * const outcome = await payInvoice(node, 'lnbcrt500n1…', { maxFee: '1%' })
 * if (outcome.status === 'settled') console.log(outcome.preimage, outcome.fee)
 */
export async function payInvoice(node: LightningNode, text: string, options: PayOptions = {}): Promise<PaymentOutcome> {
  const invoice = readInvoice(text)
  const { signal } = options
  const payment = prepareInvoice(invoice, await unlessAborted(node.info(), signal), options, Date.now())
  return sendUnlessAborted(node, payment, options)
}

/**
 * Pays a node that gave no invoice (TLV record 5482373484). There is no description and no proof of what was paid for, and a node may
 * refuse it: LND takes keysends only with `accept-keysend`. A public key names no network: only nodes of the paying node's own are reached.
 * @throws StreamError, with nothing sent: `option-invalid`, `node-unable`, `amount-…`, `node-…`; the signal's reason
 * @example
 * const outcome = await keysend(node, '02ab…', '10 sat', { beforeSending: ({ paymentHash }) => log(paymentHash) })
 */
export async function keysend(
  node: LightningNode,
  publicKey: string,
  amount: string | Msat,
  options: Omit<PayOptions, 'amount'> = {},
): Promise<PaymentOutcome> {
  const payment = prepareKeysend(publicKey, amount, await unlessAborted(node.info(), options.signal), options)
  return sendUnlessAborted(node, payment, options)
}

/** Who calls it off is told nothing moved only where nothing did. */
async function sendUnlessAborted(
  node: LightningNode,
  payment: PreparedPayment,
  { beforeSending, timeoutMs, signal }: PayOptions,
): Promise<PaymentOutcome> {
  signal?.throwIfAborted()
  await beforeSending?.(payment)
  signal?.throwIfAborted()
  const sent = sendPrepared(node, payment, timeoutMs)
  return unlessAborted(sent, signal).catch((error) => {
    if (signal?.aborted && error === signal.reason) return { status: 'pending' }
    throw error
  })
}

/** Sends what was prepared, and written down. */
export function sendPrepared(
  node: LightningNode,
  { way, payee, amount, maxFee }: PreparedPayment,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<PaymentOutcome> {
  if (way.kind === 'keysend') {
    return node.keysend({ publicKey: payee, amount, maxFee, timeoutMs, preimage: way.preimage })
  }
  const { request, chosen } = way
  return node.pay({ request, maxFee, timeoutMs, ...(chosen !== undefined && { amount: chosen }) })
}
