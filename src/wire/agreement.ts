import { comparePrices } from '../money/price.ts'
import { sameTariff } from '../money/tariff.ts'
import type { Agreement, Credit, Offer, Terms } from '../terms/terms.ts'
import { Fields } from './fields.ts'
import { decodeMethodDetails, encodeMethodDetails, MAX_SCOPE, type MethodDetailsJson, SCOPE } from './offer.ts'
import { MAX_INVOICE_LENGTH, MAX_INVOICES } from './payload.ts'
import { decodeTariff, encodeTariff, type TariffJson } from './tariff.ts'
import { decodeTerms, encodeTerms, type TermsJson } from './terms.ts'
import { formatTime } from './time.ts'

/** The terms of an agreement as they may be shown to anybody: without its secret. */
export interface PublicAgreementJson extends TermsJson {
  readonly agreement: string
  readonly tariff?: TariffJson
  readonly scope: string
  readonly expires: string
  readonly methodDetails: MethodDetailsJson
}

/** The answer to `accept` (spec section 3). */
export interface AgreementJson extends PublicAgreementJson {
  readonly secret: string
  readonly invoices: readonly string[]
}

export interface DecodedAgreement {
  readonly agreement: Agreement
  /** 64 lowercase hex digits: whoever has it may use and close the agreement. Never logged. */
  readonly secret: string
  /** BOLT 11, unread, in the order they were asked for. */
  readonly invoices: readonly string[]
}

export function encodeAgreement(agreement: Agreement, secret: string, invoices: readonly string[]): AgreementJson {
  const { agreement: id, ...terms } = encodePublicAgreement(agreement)
  return { agreement: id, secret, ...terms, invoices }
}

export const encodePublicAgreement = (agreement: Agreement): PublicAgreementJson => ({
  agreement: agreement.id,
  ...encodeTerms(agreement),
  ...encodeTariff(agreement.tariff),
  scope: agreement.scope,
  expires: formatTime(agreement.expiresAtMs),
  methodDetails: encodeMethodDetails(agreement),
})

/**
 * Reads the answer to `accept`. Whether it is what was accepted is for `sameTerms` to say.
 * @throws StreamError `seller-failed`, naming the member
 */
export function decodeAgreement(json: unknown): DecodedAgreement {
  const fields = new Fields(json, 'seller-failed')
  const agreement = decodePublicAgreement(fields)
  return { agreement, secret: fields.hex('secret', 64), invoices: decodeInvoices(fields) }
}

export function decodePublicAgreement(fields: Fields): Agreement {
  const id = fields.hex('agreement', 32)
  const terms = decodeTerms(fields)
  return {
    id,
    ...terms,
    ...decodeTariff(fields, terms.price),
    ...decodeMethodDetails(fields),
    scope: fields.string('scope', MAX_SCOPE, SCOPE),
    expiresAtMs: fields.timeMs('expires'),
  }
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
      statements: wanted.unsigned === agreement.unsigned,
      scope: wanted.scope === agreement.scope,
      tariff: sameTariff(wanted.tariff, agreement.tariff),
    }),
  }
  return Object.keys(same).filter((name) => !same[name])
}

/** Whether a buyer got what it accepted. Prices are compared as rationals: 2 msat for 2 steps is 1 msat for 1. */
export const sameTerms = (wanted: Terms | Offer, agreement: Agreement): boolean =>
  differingTerms(wanted, agreement).length === 0
