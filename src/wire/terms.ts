import { toStreamError } from '../errors/error.ts'
import { type Price, price } from '../money/price.ts'
import type { Credit, Terms } from '../terms/terms.ts'
import type { Fields } from './fields.ts'

/** `credit` as it travels: decimal strings. */
export interface CreditJson {
  readonly start: string
  readonly max: string
  readonly ramp: string
}

/** The part of an offer and of an agreement that can be haggled about (spec section 2). */
export interface TermsJson {
  readonly amount: string
  readonly currency: 'msat'
  readonly per: string
  readonly unitType: string
  readonly credit: CreditJson
  readonly smallestPayment: string
}

export const encodeCredit = ({ start, max, ramp }: Credit): CreditJson => ({
  start: `${start}`,
  max: `${max}`,
  ramp: `${ramp}`,
})

export const encodeTerms = (terms: Terms): TermsJson => ({
  amount: `${terms.price.msat}`,
  currency: 'msat',
  per: `${terms.price.per}`,
  unitType: terms.price.unit,
  credit: encodeCredit(terms.credit),
  smallestPayment: `${terms.smallestPayment}`,
})

export const decodeCredit = (fields: Fields): Credit => ({
  start: fields.amount('start'),
  max: fields.amount('max'),
  ramp: fields.count('ramp'),
})

export function decodePrice(fields: Fields, unit: string): Price {
  const amount = fields.amount('amount')
  const per = fields.count('per')
  try {
    return price(amount, per, unit)
  } catch (error) {
    return fields.fail('amount, per and unitType', `a price (${toStreamError(error).message})`)
  }
}

export function decodeTerms(fields: Fields): Terms {
  fields.string('currency', 4, /^msat$/)
  return {
    price: decodePrice(fields, fields.string('unitType', 32)),
    credit: decodeCredit(fields.object('credit')),
    smallestPayment: fields.amount('smallestPayment'),
  }
}
