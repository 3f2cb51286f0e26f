import { decodeJson, encodeJson } from './encoding.ts'
import { Fields } from './fields.ts'
import { formatTime } from './time.ts'

/** What a `Payment-Receipt` header says (draft-httpauth-payment, "Payment-Receipt"; spec section 5). */
export interface Receipt {
  readonly method: string
  /** The agreement id for `intent="stream"`; the payment hash for the drafts' intents. */
  readonly reference: string
  readonly timestampMs: number
}

/** The value of a Payment-Receipt header. Only for 2xx answers, with `Cache-Control: private`. */
export const encodeReceipt = ({ method, reference, timestampMs }: Receipt): string =>
  encodeJson({ method, reference, status: 'success', timestamp: formatTime(timestampMs) })

/** @throws StreamError `seller-failed` for a header that is none */
export function decodeReceipt(header: string): Receipt {
  const fields = new Fields(decodeJson(header, 'seller-failed'), 'seller-failed', 'Payment-Receipt')
  fields.string('status', 7, /^success$/)
  return {
    method: fields.string('method', 64),
    reference: fields.string('reference', 256),
    timestampMs: fields.timeMs('timestamp'),
  }
}

/** Says that an answer to `use` cost nothing, and is not counted: `Stream-Cost: 0 msat` (spec section 5). */
export const NO_COST = ['stream-cost', '0 msat'] as const

export const costsNothing = (headers: Headers): boolean => headers.get(NO_COST[0])?.trim() === NO_COST[1]
