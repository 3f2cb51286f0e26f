import type { PayingNode } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import type { Offer } from '../terms/terms.ts'
import type { ShowInvoice } from './wallets/prepaid.ts'

/** What pays: a wallet, or an amount paid beforehand with one elsewhere. */
export type Payment = { readonly node: PayingNode } | { readonly prepaid: Msat; readonly show: ShowInvoice }

/** What a person allowed: how much at most at this seller in a day, and how it is paid. */
export interface Consent {
  readonly budget: Msat
  readonly pay: Payment
}

/** What a person is asked to allow. */
export interface Wish {
  readonly offer: Offer
  /** Host of the seller, with its port. */
  readonly host: string
  /** The most that will be paid or in flight for what has not come. */
  readonly ahead: Msat
  /** What was allowed here before, in this browser. */
  readonly earlier: Msat | undefined
}
