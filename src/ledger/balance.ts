import { type Msat, msat } from '../money/msat.ts'
import { costDown } from '../money/price.ts'
import type { AgreementRecord, Owed } from './ledger.ts'

/**
 * What may go back to the buyer, in msat, possibly negative: what was paid, less the cost of every step that may have left,
 * rounded down as in a statement (spec section 4), and less what went back already.
 */
export const returnable = ({ agreement, leasedSteps, paid, returned }: AgreementRecord): bigint =>
  paid - costDown(agreement.price, leasedSteps) - returned

/** What can be asked back on those of these agreements that are over: closed, or expired at `nowMs`. */
export function owedOn(records: Iterable<AgreementRecord>, nowMs: number, least: Msat): Owed {
  let amount = 0n
  let agreements = 0
  for (const record of records) {
    const balance = returnable(record)
    if (balance < least || balance <= 0n || (record.state === 'open' && record.agreement.expiresAtMs > nowMs)) continue
    amount += balance
    agreements++
  }
  return { amount: msat(amount), agreements }
}

/** Ids of those of these sessions that are open, or closed with a balance of `least` or more of which nothing was claimed. */
export const unfinished = (sessions: readonly AgreementRecord[], least: Msat): string[] =>
  sessions
    .filter((session) => session.state === 'open' || (session.returned === 0n && returnable(session) >= least))
    .map(({ agreement }) => agreement.id)
