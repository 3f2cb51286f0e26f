import { StreamError } from '../errors/error.ts'
import { MAX_INVOICE_LENGTH } from './payload.ts'

const SCHEME = /^lightning:(?:\/\/)?/i
/** BIP 21 with the invoice beside an address: the address is not looked at. */
const WITH_INVOICE = /^bitcoin:[^?]*\?(?:[^#]*&)?lightning=([^&#]*)/i
/** A URI may carry more than the invoice. */
const MAX_TEXT = 2 * MAX_INVOICE_LENGTH

/**
 * The invoice in what people paste: the invoice itself, `lightning:…`, or a `bitcoin:` URI that carries one. White space around
 * it is left out. Only found here, not read: see `decodeInvoice`.
 * @throws StreamError `invoice-invalid`
 * @example findInvoiceText('bitcoin:bc1q…?amount=0.1&lightning=LNBC1…') // 'LNBC1…'
 */
export function findInvoiceText(text: string): string {
  const trimmed = text.trim()
  if (trimmed.length > MAX_TEXT) throw new StreamError('invoice-invalid', 'the text is too long for an invoice')
  if (/^bitcoin:/i.test(trimmed)) {
    const [, invoice] = WITH_INVOICE.exec(trimmed) ?? []
    if (!invoice) throw new StreamError('invoice-invalid', 'the text is an address on the chain, and no invoice')
    return invoice
  }
  return trimmed.replace(SCHEME, '')
}
