import { costDown } from '../money/price.ts'
import type { AgreementRecord } from './ledger.ts'

/**
 * What may go back to the buyer, in msat, possibly negative: what was paid, less the cost of every step that may have left,
 * rounded down as in a statement (spec section 4), and less what went back already.
 */
export const returnable = ({ agreement, leasedSteps, paid, returned }: AgreementRecord): bigint =>
  paid - costDown(agreement.price, leasedSteps) - returned
