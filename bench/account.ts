import type { Account } from '../src/seller/account.ts'

/** What an account shows at the seller. Amounts in msat. */
export interface ShopAccount {
  readonly agreement: string
  readonly deliveredSteps: string
  readonly paid: string
  readonly maxUnpaid: string
  readonly stallMs: number
  readonly halted: number
}

export const shopAccount = ({ agreement, gate, stallMs, halted }: Account): ShopAccount => ({
  agreement: agreement.id,
  deliveredSteps: `${gate.deliveredSteps}`,
  paid: `${gate.paid}`,
  maxUnpaid: `${gate.maxUnpaid}`,
  stallMs,
  halted,
})
