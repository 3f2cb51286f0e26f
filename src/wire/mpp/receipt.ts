import { decodePaddedJson, encodeJson } from '../encoding.ts'
import { Fields } from '../fields.ts'
import { formatTime } from '../time.ts'
import { REFUND_STATUS, type SessionClosed } from './session.ts'

/** What a `Payment-Receipt` says under `charge` and `session`, in the header and as the last event of a stream. */
export interface LightningReceipt {
  /** Payment hash of the charge, or of the session's first deposit. Never the preimage. */
  readonly reference: string
  readonly timestampMs: number
  readonly challengeId?: string
  /** Of a `close`. */
  readonly closed?: SessionClosed
  /** Of a stream that ended: whole sats deducted in it, and units delivered in it. */
  readonly used?: { readonly spentSats: bigint; readonly units: bigint }
}

/** The JSON of a receipt; an event carries it as it is (draft-lightning-session, "Streaming Receipt Event"). */
export const lightningReceipt = (receipt: LightningReceipt): Record<string, unknown> => {
  const { reference, timestampMs, challengeId, closed, used } = receipt
  return {
    method: 'lightning',
    reference,
    status: 'success',
    timestamp: formatTime(timestampMs),
    ...(challengeId !== undefined && { challengeId }),
    ...(closed && { refundSats: Number(closed.refundSats), refundStatus: closed.refundStatus }),
    ...(used && { spent: Number(used.spentSats), units: Number(used.units) }),
  }
}

/** The value of a `Payment-Receipt` header. Only for 2xx answers, with `Cache-Control: private`. */
export const encodeLightningReceipt = (receipt: LightningReceipt): string => encodeJson(lightningReceipt(receipt))

const MAX_COUNT = Number.MAX_SAFE_INTEGER

/** Reads a receipt, from a header's value or the data of an event. @throws StreamError `seller-failed` for what is none */
export function decodeLightningReceipt(value: string | object): LightningReceipt {
  const json = typeof value === 'string' ? decodePaddedJson(value, 'seller-failed') : value
  const fields = new Fields(json, 'seller-failed', 'the receipt')
  fields.string('status', 7, /^success$/)
  fields.string('method', 9, /^lightning$/)
  const challengeId = fields.optionalString('challengeId', 128)
  return {
    reference: fields.string('reference', 256),
    timestampMs: fields.timeMs('timestamp'),
    ...(challengeId !== undefined && { challengeId }),
    ...(fields.has('refundStatus') && {
      closed: {
        // Go leaves a member out that is zero.
        refundSats: fields.has('refundSats') ? BigInt(fields.integer('refundSats', MAX_COUNT)) : 0n,
        refundStatus: fields.string('refundStatus', 9, REFUND_STATUS) as SessionClosed['refundStatus'],
      },
    }),
    ...(fields.has('spent') &&
      fields.has('units') && {
        used: {
          spentSats: BigInt(fields.integer('spent', MAX_COUNT)),
          units: BigInt(fields.integer('units', MAX_COUNT)),
        },
      }),
  }
}
