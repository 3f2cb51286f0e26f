import type { Journal } from '../ledger/journal.ts'
import { type Msat, min, minus } from '../money/msat.ts'
import type { Caller } from './caller.ts'

/** What of the node's money a caller may send: what its limits have left, and nothing else is told of the owner's. */
export async function spendable(canSend: Msat, { name, isOwner, limits }: Caller, journal: Journal): Promise<Msat> {
  const { max, perDay } = limits
  if (isOwner || (max === undefined && perDay === undefined)) return canSend
  const { total, day } = await journal.callerSpending(name)
  const inAll = max === undefined ? canSend : minus(max, total)
  const today = perDay === undefined ? canSend : minus(perDay, day)
  return min(canSend, min(inAll, today))
}
