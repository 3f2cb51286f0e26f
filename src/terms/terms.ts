import type { Msat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'
import type { Price } from '../money/price.ts'
import type { Tariff } from '../money/tariff.ts'

/**
 * How much a seller will have delivered unpaid. A stranger starts at `start`; with a `ramp` of n the credit grows by one
 * n-th of what this same agreement has paid, up to `max`. So credit is only ever earned by paying, and the most that
 * walking away wins is 1/n of what was paid.
 */
export interface Credit {
  readonly start: Msat
  readonly max: Msat
  /** 0n: no growth. */
  readonly ramp: bigint
}

/** What two sides can haggle about. */
export interface Terms {
  readonly price: Price
  readonly credit: Credit
  /** The seller mints no invoice below this, except for the rest of an exactly known total. */
  readonly smallestPayment: Msat
}

/** What a seller offers in a 402, before anybody is known. */
export interface Offer extends Terms {
  /** What makes up the cost where more than one thing is counted: the price is then for a msat of it. */
  readonly tariff?: Tariff
  readonly network: Network
  /** Public key of the seller's node: every invoice and the closing statement carry it. */
  readonly payee: string
  /** The seller's wallet cannot sign: what closes the agreement will carry no signature, and say so. Absent where it will be signed. */
  readonly unsigned?: true
  /** Which of the seller's resources the agreement opens. An agreement for one scope never opens another. */
  readonly scope: string
  /** The seller listens to other terms. */
  readonly negotiable: boolean
  /** Which round of haggling this offer answers: 0 for the first. */
  readonly round: number
}

/** The terms that both accepted. */
export interface Agreement extends Terms {
  /** 32 lowercase hex digits; may be logged. */
  readonly id: string
  readonly tariff?: Tariff
  readonly network: Network
  readonly payee: string
  /** As in the offer that was accepted: without this word no statement is taken that is not signed. */
  readonly unsigned?: true
  readonly scope: string
  readonly expiresAtMs: number
}
