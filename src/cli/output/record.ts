import type { PrepaidSummary } from '../../buyer/schemes/held.ts'
import type { Closing } from '../../buyer/trade/closing.ts'
import type { TradeSummary } from '../../buyer/trade/summary.ts'
import type { StreamError } from '../../errors/error.ts'
import { minus } from '../../money/msat.ts'
import { stepsPerUnit } from '../../money/price.ts'
import { formatAsked } from '../../money/tariff.ts'
import type { Account } from '../../seller/account.ts'

/** One stream in figures, under the names that every command uses. Amounts in msat, as decimal strings; times in ms. */
export interface StreamRecord {
  readonly unit: string
  readonly price: string
  readonly units: number
  /** What was charged: by the closing statement where there is a valid one, by the buyer's own count before that. */
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
    price: formatAsked(trade),
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

/** A stream at its end. */
export interface EndRecord extends StreamRecord {
  /** Cost of what the buyer counted; for time it differs a little from `delivered`. */
  readonly received: string
  readonly returned: string
  /** What was paid, not charged and not returned: `paid - delivered - returned`. */
  readonly balance: string
}

/** What is left to say when a trade was closed, or could not be: then the buyer's own count stands. */
export function endRecordOf(trade: TradeSummary, closing: Closing | undefined, account?: Account): EndRecord {
  const valid = closing && !closing.dispute ? closing.statement : undefined
  const delivered = valid ? valid.delivered : trade.received
  return {
    ...recordOf(trade, account),
    units: unitsOf(valid ? valid.steps : trade.steps, trade.unit),
    delivered: `${delivered}`,
    received: `${trade.received}`,
    returned: `${trade.returned}`,
    balance: `${minus(trade.paid, delivered + trade.returned)}`,
  }
}

/** What was prepaid, in figures. Amounts in msat, as decimal strings. */
export interface PrepaidRecord {
  readonly agreement: string
  readonly scheme: PrepaidSummary['scheme']
  readonly url: string
  readonly paymentHash: string
  readonly paid: string
  readonly fees: string
  /** What was used of it in this run, by the buyer's own count. */
  readonly received: string
  readonly uses: number
  readonly state: PrepaidSummary['state']
  /** Of a session that was closed: what came back, and whether it did. */
  readonly returned?: string
  readonly return?: string
  /** What its receipts say that cannot be. */
  readonly receipt?: FaultRecord
}

export interface FaultRecord {
  readonly code: string
  readonly message: string
}

/** A fault as it stands beside what it is about. */
export const faultRecord = ({ code, message }: StreamError): FaultRecord => ({ code, message })

export const prepaidRecord = (summary: PrepaidSummary): PrepaidRecord => {
  const { agreement, scheme, url, paymentHash, paid, fees, received, uses, state, refund, receiptFault } = summary
  const back = refund && { returned: `${refund.amount}`, return: refund.status }
  const figures = { paid: `${paid}`, fees: `${fees}`, received: `${received}`, uses, state }
  const fault = receiptFault && { receipt: faultRecord(receiptFault) }
  return { agreement, scheme, url, paymentHash, ...figures, ...back, ...fault }
}

/** What the seller saw of an agreement. The buyer's side of the window is not the seller's to know. */
export function recordOfAccount(
  account: Account,
): Omit<StreamRecord, 'fees' | 'maxAhead' | 'ahead' | 'firstByteMs' | 'durationMs'> {
  const { agreement, gate } = account
  return {
    unit: agreement.price.unit,
    price: formatAsked(agreement),
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
