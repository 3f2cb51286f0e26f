import type { InvoiceRecord } from '../../lightning/node.ts'
import { formatMsat } from '../../money/msat.ts'
import { escaped } from '../output/escaped.ts'
import { agoOrAhead } from '../output/span.ts'

/** What was asked for, as people say it. */
export const askedFor = ({ amount, request }: Pick<InvoiceRecord, 'amount' | 'request'>): string =>
  amount !== undefined ? formatMsat(amount) : request === '' ? 'no invoice' : 'any amount'

/** How an invoice stands, in plain words. */
export function standing(record: InvoiceRecord, nowMs: number): string {
  const { status, received, expiresAtMs, settledAtMs, request } = record
  switch (status) {
    case 'settled': {
      const when = settledAtMs === undefined ? '' : ` ${agoOrAhead(settledAtMs, nowMs)}`
      return `${request === '' ? 'a keysend of' : 'paid with'} ${formatMsat(received)}${when}`
    }
    case 'open':
      return `not paid yet; expires ${agoOrAhead(expiresAtMs, nowMs)}`
    case 'expired':
      return `not paid; expired ${agoOrAhead(expiresAtMs, nowMs)}`
    case 'canceled':
      return 'canceled, and not paid'
  }
}

/** One line of a list. */
export function lineOf(record: InvoiceRecord): string {
  const time = new Date(record.createdAtMs).toISOString().slice(0, 16).replace('T', ' ')
  const what = record.description === '' ? '' : `  "${escaped(record.description)}"`
  return `  ${time}  ${record.status.padEnd(8)} ${askedFor(record).padStart(14)}  ${record.paymentHash.slice(0, 16)}${what}`
}

/** Names of the fields in JSON; amounts in msat, as decimal strings. */
export const fieldsOf = (record: InvoiceRecord): Readonly<Record<string, unknown>> => ({ ...record })
