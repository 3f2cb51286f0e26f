import type { TradeSummary } from '../../buyer/trade.ts'
import { formatPrice, stepsPerUnit } from '../../money/price.ts'
import type { Account } from '../../seller/account.ts'

/** One stream in figures, under the names that every command uses. Amounts in msat, as decimal strings; times in ms. */
export interface StreamRecord {
  readonly unit: string
  readonly price: string
  readonly units: number
  readonly delivered: string
  readonly paid: string
  readonly fees: string
  readonly payments: number
  readonly maxUnpaid: string
  readonly credit: string
  readonly maxAhead: string
  readonly ahead: string
  readonly firstByteMs: number
  readonly stallMs: number
  readonly durationMs: number
  readonly halted: number
}

/** Steps as people count them: seconds with their milliseconds, all else as it is. */
export const unitsOf = (steps: bigint, unit: string): number => Number(steps) / Number(stepsPerUnit(unit))

/** What the buyer saw; `maxUnpaid` is the seller's own figure where it is known. */
export function recordOf(trade: TradeSummary, account?: Account): StreamRecord {
  return {
    unit: trade.unit,
    price: formatPrice(trade.price),
    units: unitsOf(trade.steps, trade.unit),
    delivered: `${trade.received}`,
    paid: `${trade.paid}`,
    fees: `${trade.fees}`,
    payments: trade.payments,
    maxUnpaid: `${account ? account.gate.maxUnpaid : trade.maxUnpaid}`,
    credit: `${trade.credit}`,
    maxAhead: `${trade.maxAhead}`,
    ahead: `${trade.ahead}`,
    firstByteMs: Math.round(trade.firstByteMs ?? 0),
    stallMs: Math.round(trade.stallMs),
    durationMs: Math.round(trade.durationMs),
    halted: trade.halted,
  }
}

/** What the seller saw of an agreement. The buyer's side of the window is not the seller's to know. */
export function recordOfAccount(
  account: Account,
): Omit<StreamRecord, 'fees' | 'maxAhead' | 'ahead' | 'firstByteMs' | 'durationMs'> {
  const { agreement, gate } = account
  return {
    unit: agreement.price.unit,
    price: formatPrice(agreement.price),
    units: unitsOf(gate.deliveredSteps, agreement.price.unit),
    delivered: `${gate.delivered}`,
    paid: `${gate.paid}`,
    payments: account.payments,
    maxUnpaid: `${gate.maxUnpaid}`,
    credit: `${agreement.credit.max}`,
    stallMs: Math.round(account.stallMs),
    halted: account.halted,
  }
}
