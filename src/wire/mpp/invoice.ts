import type { Msat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import type { DecodedInvoice } from '../bolt11.ts'
import { invoiceMismatch } from '../mismatch.ts'

/** What a request says of its invoice, beside it. What it leaves out is not compared. */
interface Said {
  readonly amount?: Msat | undefined
  readonly paymentHash?: string | undefined
  readonly network?: Network | undefined
}

/** @throws StreamError `invoice-mismatch`; `details.property` is `amount`, `paymentHash` or `network` */
export function checkRequestInvoice(invoice: DecodedInvoice, said: Said): DecodedInvoice {
  for (const property of ['amount', 'paymentHash', 'network'] as const) {
    const wanted = said[property]
    const got = invoice[property]
    if (wanted === undefined || got === wanted) continue
    throw invoiceMismatch(invoice, property, `${got ?? 'open'}`, `${wanted}`)
  }
  return invoice
}
