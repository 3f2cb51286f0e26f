import type { Msat } from '../money/msat.ts'

import type { Credit, Terms } from '../terms/terms.ts'
import { Fields } from './fields.ts'
import { decodeCredit, decodePrice, encodeCredit } from './terms.ts'

/** Items that one `invoices` or `amounts` array may hold. */
export const MAX_INVOICES = 16
/** Characters of a BOLT 11 invoice that are read. */
export const MAX_INVOICE_LENGTH = 4096

/** Other terms that a buyer would accept. What it leaves out, it takes from the offer; the unit is always the offer's. */
export interface Bid {
  readonly amount: Msat
  readonly per: bigint
  readonly credit?: Credit
  readonly smallestPayment?: Msat
}

/** Proof that one is a party to an agreement. */
export interface AgreementProof {
  /** 32 lowercase hex digits. */
  readonly agreement: string
  /** 64 lowercase hex digits. Never logged. */
  readonly secret: string
}

export interface AcceptPayload {
  readonly action: 'accept'
  /** 32 lowercase hex digits, the buyer's own: repeating it with the same challenge yields the same agreement. */
  readonly nonce: string
  /** Amounts of the first invoices, at most 16. */
  readonly invoices: readonly Msat[]
  readonly bid?: Bid
}
export interface UsePayload extends AgreementProof {
  readonly action: 'use'
}
export interface InvoicesPayload extends AgreementProof {
  readonly action: 'invoices'
  /** 1 to 16, none zero. */
  readonly amounts: readonly Msat[]
  /** 32 lowercase hex digits, the buyer's own: an order whose answer was lost is repeated with it, and yields the same invoices. */
  readonly nonce?: string
}
export interface WatchPayload extends AgreementProof {
  readonly action: 'watch'
}
export interface ClosePayload extends AgreementProof {
  readonly action: 'close'
  /** What the buyer's node says was settled: the seller waits a little for its own node to say the same, and believes nothing. */
  readonly paid?: Msat
}
export interface ReturnPayload extends AgreementProof {
  readonly action: 'return'
  /** BOLT 11. Only its alphabet and length are checked here. */
  readonly invoice: string
}

/** What a buyer asks for with a credential, one of six actions (spec section 3). */
export type Payload = AcceptPayload | UsePayload | InvoicesPayload | WatchPayload | ClosePayload | ReturnPayload

export const encodeBid = (bid: Bid): Record<string, unknown> => ({
  amount: `${bid.amount}`,
  per: `${bid.per}`,
  ...(bid.credit && { credit: encodeCredit(bid.credit) }),
  ...(bid.smallestPayment !== undefined && { smallestPayment: `${bid.smallestPayment}` }),
})

export function encodePayload(payload: Payload): Record<string, unknown> {
  switch (payload.action) {
    case 'accept': {
      const { action, nonce, invoices, bid } = payload
      return { action, nonce, invoices: invoices.map(String), ...(bid && { bid: encodeBid(bid) }) }
    }
    case 'invoices':
      return { ...payload, amounts: payload.amounts.map(String) }
    case 'close': {
      const { paid, ...rest } = payload
      return { ...rest, ...(paid !== undefined && { paid: `${paid}` }) }
    }
    default:
      return { ...payload }
  }
}

/** @throws StreamError `credential-malformed`, naming the member */
export function decodePayload(value: unknown): Payload {
  const fields = new Fields(value, 'credential-malformed', 'payload')
  const action = fields.value('action')
  switch (action) {
    case 'accept':
      return {
        action,
        nonce: fields.hex('nonce', 32),
        invoices: fields.amounts('invoices', 0, MAX_INVOICES),
        ...(fields.has('bid') && { bid: decodeBid(fields.object('bid')) }),
      }
    case 'use':
    case 'watch':
      return { action, ...decodeProof(fields) }
    case 'close':
      return { action, ...decodeProof(fields), ...(fields.has('paid') && { paid: fields.amount('paid') }) }
    case 'invoices':
      return {
        action,
        ...decodeProof(fields),
        amounts: fields.amounts('amounts', 1, MAX_INVOICES),
        ...(fields.has('nonce') && { nonce: fields.hex('nonce', 32) }),
      }
    case 'return':
      return {
        action,
        ...decodeProof(fields),
        invoice: fields.string('invoice', MAX_INVOICE_LENGTH, /^ln[0-9a-z]+$/i),
      }
    default:
      return fields.fail('action', 'accept, use, invoices, watch, close or return')
  }
}

const decodeProof = (fields: Fields): AgreementProof => ({
  agreement: fields.hex('agreement', 32),
  secret: fields.hex('secret', 64),
})

function decodeBid(fields: Fields): Bid {
  // the unit does not travel in a bid; any valid name serves to check the two numbers
  const { msat, per } = decodePrice(fields, 'byte')
  return {
    amount: msat as Msat,
    per,
    ...(fields.has('credit') && { credit: decodeCredit(fields.object('credit')) }),
    ...(fields.has('smallestPayment') && { smallestPayment: fields.amount('smallestPayment') }),
  }
}

/** The terms a bid stands for: what it names, and the rest as listed. */
export const bidTerms = (bid: Bid, listed: Terms): Terms => ({
  price: { msat: bid.amount, per: bid.per, unit: listed.price.unit },
  credit: bid.credit ?? listed.credit,
  smallestPayment: bid.smallestPayment ?? listed.smallestPayment,
})

/** The bid that stands for some terms. They must be in the unit of the offer that the bid answers. */
export const toBid = ({ price, credit, smallestPayment }: Terms): Bid => ({
  amount: price.msat as Msat,
  per: price.per,
  credit,
  smallestPayment,
})
