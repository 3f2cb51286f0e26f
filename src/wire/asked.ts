import type { Offer } from '../terms/terms.ts'
import { encodeTariff, type TariffJson } from './tariff.ts'

/** What is asked, as programs are told of it outside of a negotiation. Amounts in msat. */
export interface AskedJson {
  readonly unit: string
  readonly amount: string
  readonly per: string
  readonly tariff?: TariffJson
  readonly credit: string
  readonly smallestPayment: string
  readonly negotiable: boolean
}

type Asked = Pick<Offer, 'price' | 'tariff' | 'credit' | 'smallestPayment' | 'negotiable'>

export const encodeAsked = ({ price, tariff, credit, smallestPayment, negotiable }: Asked): AskedJson => ({
  unit: price.unit,
  amount: `${price.msat}`,
  per: `${price.per}`,
  ...encodeTariff(tariff),
  credit: `${credit.start}`,
  smallestPayment: `${smallestPayment}`,
  negotiable,
})
