import type { Msat } from '../money/msat.ts'

/** What an answer is paid on. */
export interface Purchase {
  readonly agreement: string
  /** Cost of what was received of this answer so far; where its unit is not counted answer by answer, of all that came meanwhile. */
  readonly cost: Msat
  /** Paid on the agreement so far, by all its requests. */
  readonly paid: Msat
}

const purchases = new WeakMap<Response, Purchase>()

export function notePurchase(response: Response, purchase: Purchase): Response {
  purchases.set(response, purchase)
  return response
}

/** What a response of `Buyer.fetch` is paid on; `undefined` if nothing was asked for it. The figures move on while it is read. */
export const purchaseOf = (response: Response): Purchase | undefined => purchases.get(response)
