import { comparePrices } from '../money/price.ts'
import type { Agreement, Credit, Offer, Terms } from '../terms/terms.ts'
import { Fields } from './fields.ts'
import { MAX_SCOPE, type MethodDetailsJson, SCOPE } from './offer.ts'
import { MAX_INVOICE_LENGTH, MAX_INVOICES } from './payload.ts'
import { decodeTerms, encodeTerms, type TermsJson } from './terms.ts'
import { formatTime } from './time.ts'

/** The answer to `accept` (spec section 3). */
export interface AgreementJson extends TermsJson {
  readonly agreement: string
  readonly secret: string
  readonly scope: string
  readonly expires: string
  readonly methodDetails: MethodDetailsJson
  readonly invoices: readonly string[]
}

export interface DecodedAgreement {
  readonly agreement: Agreement
  /** 64 lowercase hex digits: whoever has it may use and close the agreement. Never logged. */
  readonly secret: string
  /** BOLT 11, unread, in the order they were asked for. */
  readonly invoices: readonly string[]
}

export const encodeAgreement = (agreement: Agreement, secret: string, invoices: readonly string[]): AgreementJson => ({
  agreement: agreement.id,
  secret,
  ...encodeTerms(agreement),
  scope: agreement.scope,
  expires: formatTime(agreement.expiresAtMs),
  methodDetails: { network: agreement.network, payee: agreement.payee },
  invoices,
})

/**
 * Reads the answer to `accept`. Whether it is what was accepted is for `sameTerms` to say.
 * @throws StreamError `seller-failed`, naming the member
 */
export function decodeAgreement(json: unknown): DecodedAgreement {
  const fields = new Fields(json, 'seller-failed')
  const details = fields.object('methodDetails')
  const agreement: Agreement = {
    id: fields.hex('agreement', 32),
    ...decodeTerms(fields),
    network: details.network('network'),
    payee: details.publicKey('payee'),
    scope: fields.string('scope', MAX_SCOPE, SCOPE),
    expiresAtMs: fields.timeMs('expires'),
  }
  return { agreement, secret: fields.hex('secret', 64), invoices: decodeInvoices(fields) }
}

/** Reads the answer to `invoices`. @throws StreamError `seller-failed` */
export const decodeInvoiceList = (json: unknown): readonly string[] => decodeInvoices(new Fields(json, 'seller-failed'))

const decodeInvoices = (fields: Fields): string[] => fields.strings('invoices', MAX_INVOICES, MAX_INVOICE_LENGTH)

const sameCredit = (a: Credit, b: Credit): boolean => a.start === b.start && a.max === b.max && a.ramp === b.ramp

/** Names what differs between what a buyer accepted (or bid) and the agreement it got. Empty: all is as accepted. */
export function differingTerms(wanted: Terms | Offer, agreement: Agreement): string[] {
  const same: Record<string, boolean> = {
    unit: wanted.price.unit === agreement.price.unit,
    price: wanted.price.unit !== agreement.price.unit || comparePrices(wanted.price, agreement.price) === 0,
    credit: sameCredit(wanted.credit, agreement.credit),
    smallestPayment: wanted.smallestPayment === agreement.smallestPayment,
    ...('payee' in wanted && {
      payee: wanted.payee === agreement.payee,
      network: wanted.network === agreement.network,
      scope: wanted.scope === agreement.scope,
    }),
  }
  return Object.keys(same).filter((name) => !same[name])
}

/** Whether a buyer got what it accepted. Prices are compared as rationals: 2 msat for 2 steps is 1 msat for 1. */
export const sameTerms = (wanted: Terms | Offer, agreement: Agreement): boolean =>
  differingTerms(wanted, agreement).length === 0
