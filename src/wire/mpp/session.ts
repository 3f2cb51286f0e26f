import type { Msat } from '../../money/msat.ts'
import { type DecodedInvoice, decodeInvoice } from '../bolt11.ts'
import { decodePaddedJson } from '../encoding.ts'
import { Fields } from '../fields.ts'
import { MAX_INVOICE_LENGTH } from '../payload.ts'
import { checkRequestInvoice } from './invoice.ts'

export const SESSION_INTENT = 'session'
/** Units that a deposit buys where nothing else is configured, and seconds that a session may idle (draft-lightning-session). */
export const DEPOSIT_UNITS = 20n
export const IDLE_TIMEOUT_S = 300
/**
 * Request header of Stream's own: the id of the session that a further deposit is asked for. The draft has every request without a credential get a fresh
 * invoice; a seller that shows one again until it is paid makes another for whoever pays several at once.
 */
export const TOP_UP_FOR = 'stream-top-up'

/** What the `request` parameter of a `session` challenge holds (draft-lightning-session, "Challenge Request"). */
export interface SessionRequest {
  /** Whole sats for a unit. */
  readonly amount: Msat
  readonly unitType?: string
  readonly description?: string
  /** BOLT 11. Absent where no payment is asked for: a `bearer` or `close` challenge. */
  readonly depositInvoice?: string
  /** 64 lowercase hex digits. */
  readonly paymentHash: string
  /** Whole sats. */
  readonly deposit?: Msat
  readonly idleTimeoutS?: number
}

export interface OpenPayload {
  readonly action: 'open'
  /** 64 lowercase hex digits. Never logged. */
  readonly preimage: string
  /** BOLT 11 without an amount. Only its alphabet and length are checked here. */
  readonly returnInvoice: string
}
export interface SessionUsePayload {
  readonly action: 'bearer' | 'close'
  /** Payment hash of the first deposit: 64 lowercase hex digits. */
  readonly sessionId: string
  readonly preimage: string
}
export interface TopUpPayload {
  readonly action: 'topUp'
  readonly sessionId: string
  readonly topUpPreimage: string
}
/** What a buyer asks for with a session credential, one of four actions (draft-lightning-session, "Credential Schema"). */
export type SessionPayload = OpenPayload | SessionUsePayload | TopUpPayload

export const encodeSessionRequest = (request: SessionRequest): Record<string, unknown> => {
  const { amount, unitType, description, depositInvoice, paymentHash, deposit, idleTimeoutS } = request
  return {
    amount: `${amount / 1000n}`,
    currency: 'sat',
    ...(unitType !== undefined && { unitType }),
    ...(description !== undefined && { description }),
    ...(depositInvoice !== undefined && { depositInvoice }),
    paymentHash,
    ...(deposit !== undefined && { depositAmount: `${deposit / 1000n}` }),
    ...(idleTimeoutS !== undefined && { idleTimeout: `${idleTimeoutS}` }),
  }
}

/**
 * Reads the `request` parameter of a `session` challenge. Unknown members are ignored; nothing is compared with the invoice yet.
 * @throws StreamError `challenge-malformed`, naming the member
 */
export function decodeSessionRequest(request: string): SessionRequest {
  const fields = new Fields(decodePaddedJson(request, 'challenge-malformed'), 'challenge-malformed')
  fields.string('currency', 3, /^sat$/)
  const unitType = fields.optionalString('unitType', 64)
  const description = fields.optionalString('description', 1024)
  return {
    amount: fields.sats('amount'),
    ...(unitType !== undefined && { unitType }),
    ...(description !== undefined && { description }),
    ...(fields.has('depositInvoice') && {
      depositInvoice: fields.string('depositInvoice', MAX_INVOICE_LENGTH, /^ln[0-9a-z]+$/i),
    }),
    paymentHash: fields.hex('paymentHash', 64),
    ...(fields.has('depositAmount') && { deposit: fields.sats('depositAmount') }),
    ...(fields.has('idleTimeout') && { idleTimeoutS: Number(fields.string('idleTimeout', 9, /^(0|[1-9]\d*)$/)) }),
  }
}

/**
 * Decodes the deposit invoice of a request and holds it against what the request says beside it.
 * @throws StreamError `invoice-invalid`, `invoice-mismatch`; `challenge-malformed` if there is none
 */
export function depositInvoice({ depositInvoice: text, deposit, paymentHash }: SessionRequest): DecodedInvoice {
  if (text === undefined) new Fields({}, 'challenge-malformed').fail('depositInvoice', 'an invoice')
  return checkRequestInvoice(decodeInvoice(text!), { amount: deposit, paymentHash })
}

/** @throws StreamError `credential-malformed`, naming the member */
export function decodeSessionPayload(payload: unknown): SessionPayload {
  const fields = new Fields(payload, 'credential-malformed', 'payload')
  const action = fields.value('action')
  switch (action) {
    case 'open':
      return {
        action,
        preimage: fields.hex('preimage', 64),
        returnInvoice: fields.string('returnInvoice', MAX_INVOICE_LENGTH, /^ln[0-9a-z]+$/i),
      }
    case 'bearer':
    case 'close':
      return { action, sessionId: fields.hex('sessionId', 64), preimage: fields.hex('preimage', 64) }
    case 'topUp':
      return { action, sessionId: fields.hex('sessionId', 64), topUpPreimage: fields.hex('topUpPreimage', 64) }
    default:
      return fields.fail('action', 'open, bearer, topUp or close')
  }
}

/** How the refund of a closed session ended; `failed` where it is still owed. `pending` is no word of the draft's: aperture answers before it has paid. */
export type RefundStatus = 'succeeded' | 'failed' | 'skipped' | 'pending'
export const REFUND_STATUS = /^(succeeded|failed|skipped|pending)$/
const MAX_SATS = 2_100_000_000_000_000

/** What a `close` is answered with. */
export interface SessionClosed {
  /** Whole sats. */
  readonly refundSats: bigint
  readonly refundStatus: RefundStatus
  /** The refund is tried again, says the seller: not in the draft, whose clients read what else is said. */
  readonly pending?: boolean
}

export const encodeSessionClosed = ({ refundSats, refundStatus, pending }: SessionClosed): Record<string, unknown> => ({
  status: 'closed',
  refundSats: Number(refundSats),
  refundStatus,
  ...(pending && { pending }),
})

/** @throws StreamError `seller-failed` for an answer that is none */
export function decodeSessionClosed(body: unknown): SessionClosed {
  const fields = new Fields(body, 'seller-failed', 'the answer to close')
  fields.string('status', 6, /^closed$/)
  return {
    refundSats: BigInt(fields.integer('refundSats', MAX_SATS)),
    // an earlier text of the draft has no refundStatus in its example: what it does not say has not succeeded
    refundStatus: fields.has('refundStatus')
      ? (fields.string('refundStatus', 9, REFUND_STATUS) as RefundStatus)
      : 'failed',
    ...(fields.value('pending') === true && { pending: true }),
  }
}

/** The answer to a top-up. */
export const TOPPED_UP = { status: 'ok' } as const

/** Events in a paid stream of server-sent events that are not the source's own. */
export const SESSION_EVENTS = ['payment-need-topup', 'session-timeout', 'payment-receipt'] as const
export type SessionEventName = (typeof SESSION_EVENTS)[number]

/** `payment-need-topup` and `session-timeout`: the deposit is used up. Whole sats. */
export interface SessionShort {
  readonly sessionId: string
  readonly balanceSpent: bigint
  readonly balanceRequired: bigint
}

export const encodeSessionShort = (event: SessionShort): Record<string, unknown> => ({
  sessionId: event.sessionId,
  balanceSpent: Number(event.balanceSpent),
  balanceRequired: Number(event.balanceRequired),
})

/** @throws StreamError `seller-failed` for data that is none */
export function decodeSessionShort(data: string): SessionShort {
  const fields = new Fields(parseJson(data), 'seller-failed', 'the event')
  return {
    sessionId: fields.hex('sessionId', 64),
    balanceSpent: BigInt(fields.integer('balanceSpent', MAX_SATS)),
    balanceRequired: BigInt(fields.integer('balanceRequired', MAX_SATS)),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One event of server-sent events, as it stands in the stream. */
export const formatSessionEvent = (name: SessionEventName, data: Record<string, unknown>): string =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
