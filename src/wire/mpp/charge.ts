import type { Msat } from '../../money/msat.ts'
import type { Network } from '../../money/network.ts'
import { type DecodedInvoice, decodeInvoice } from '../bolt11.ts'
import { decodePaddedJson } from '../encoding.ts'
import { Fields } from '../fields.ts'
import { MAX_INVOICE_LENGTH } from '../payload.ts'
import { checkRequestInvoice } from './invoice.ts'

export const CHARGE_INTENT = 'charge'

/** The networks that the drafts have names for. */
const NAMED: readonly Network[] = ['mainnet', 'regtest', 'signet']

/** What the `request` parameter of a `charge` challenge holds (draft-lightning-charge, "Request Schema"). */
export interface ChargeRequest {
  /** Whole sats. */
  readonly amount: Msat
  readonly description?: string
  readonly recipient?: string
  readonly externalId?: string
  /** BOLT 11, which decides where anything else differs. */
  readonly invoice: string
  readonly paymentHash?: string
  readonly network?: Network
}

export interface ChargePayload {
  /** 64 lowercase hex digits. Never logged. */
  readonly preimage: string
}

/** The JSON of a `charge` request. Networks without a name in the draft are left out: the invoice says which it is. */
export const encodeChargeRequest = (request: ChargeRequest): Record<string, unknown> => {
  const { amount, description, recipient, externalId, invoice, paymentHash, network } = request
  return {
    amount: `${amount / 1000n}`,
    currency: 'sat',
    ...(description !== undefined && { description }),
    ...(recipient !== undefined && { recipient }),
    ...(externalId !== undefined && { externalId }),
    methodDetails: {
      invoice,
      ...(paymentHash !== undefined && { paymentHash }),
      ...(network !== undefined && NAMED.includes(network) && { network }),
    },
  }
}

/**
 * Reads the `request` parameter of a `charge` challenge. Unknown members are ignored; nothing is compared with the invoice yet.
 * @throws StreamError `challenge-malformed`, naming the member
 */
export function decodeChargeRequest(request: string): ChargeRequest {
  const fields = new Fields(decodePaddedJson(request, 'challenge-malformed'), 'challenge-malformed')
  fields.string('currency', 3, /^sat$/)
  const details = fields.object('methodDetails')
  const optional = (['description', 'recipient', 'externalId'] as const).flatMap((name) => {
    const value = fields.optionalString(name, 1024)
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    amount: fields.sats('amount'),
    ...Object.fromEntries(optional),
    invoice: details.string('invoice', MAX_INVOICE_LENGTH, /^ln[0-9a-z]+$/i),
    ...(details.has('paymentHash') && { paymentHash: details.hex('paymentHash', 64) }),
    ...(details.has('network') && { network: details.network('network') }),
  }
}

/**
 * Decodes the invoice of a request and holds it against what the request says beside it, as a server must before it issues the challenge and a client
 * before it pays (draft-lightning-charge, "Method Details").
 * @throws StreamError `invoice-invalid`, `invoice-mismatch`
 */
export const chargeInvoice = ({ invoice, amount, paymentHash, network }: ChargeRequest): DecodedInvoice =>
  checkRequestInvoice(decodeInvoice(invoice), { amount, paymentHash, network })

/** @throws StreamError `credential-malformed`, naming the member */
export const decodeChargePayload = (payload: unknown): ChargePayload => ({
  preimage: new Fields(payload, 'credential-malformed', 'payload').hex('preimage', 64),
})
