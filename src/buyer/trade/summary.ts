import type { StreamError } from '../../errors/error.ts'
import type { Msat } from '../../money/msat.ts'
import type { Price } from '../../money/price.ts'
import type { Tariff } from '../../money/tariff.ts'

/** How a trade stands: the same names in every place that shows one. Times in ms. */
export interface TradeSummary {
  readonly agreement: string
  readonly url: string
  readonly unit: string
  readonly price: Price
  /** Where several things are charged: the unit is then `msat`, of what they come to. */
  readonly tariff?: Tariff
  readonly steps: bigint
  readonly bytes: number
  readonly received: Msat
  readonly paid: Msat
  readonly inFlight: Msat
  readonly fees: Msat
  readonly payments: number
  /** The most that was paid or in flight for what had not come; at most `ahead`. */
  readonly maxAhead: Msat
  readonly ahead: Msat
  /** The most that was received and neither paid nor on its way; at most the credit. */
  readonly maxUnpaid: Msat
  readonly credit: Msat
  readonly firstByteMs: number | undefined
  readonly stallMs: number
  readonly durationMs: number
  readonly halted: number
  /** What the windows carry without a halt at the payment time seen, in msat a second: the bound to lift if it is too low. */
  readonly windowPerSecond: bigint
  /** Requests that are being answered. */
  readonly active: number
  readonly state: 'open' | 'paused' | 'closed'
  readonly returned: Msat
  /** An earlier run of the buyer made this agreement; what it paid and received is in the figures. */
  readonly resumed: boolean
  /** What the seller's receipts say that cannot be: `receipt-mismatch`. What came is not undone by it. */
  readonly receiptFault?: StreamError
}
