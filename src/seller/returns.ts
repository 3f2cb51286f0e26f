import { toStreamError } from '../errors/error.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LightningNode } from '../lightning/node.ts'
import { type Msat, msat, ZERO } from '../money/msat.ts'

const RETURN_TIMEOUT_MS = 30_000

/** The seller bears the routing of a return up to 0.5 % and a sat, so that nobody profits from asking for one. */
const returnFeeCap = (amount: Msat): Msat => msat(amount / 200n + 1000n)

/** A return that the ledger has booked and that is to be paid. */
export interface Claim {
  readonly request: string
  readonly paymentHash: string
  readonly amount: Msat
}

/** Pays a booked return, and books how it ended. `pending`: it counts as returned until the node says otherwise. */
export async function payReturn(
  node: LightningNode,
  ledger: Ledger,
  { request, paymentHash, amount }: Claim,
): Promise<'settled' | 'failed' | 'pending'> {
  const outcome = await node
    .pay({ request, maxFee: returnFeeCap(amount), timeoutMs: RETURN_TIMEOUT_MS })
    .catch((error) => ({ status: 'unknown' as const, detail: toStreamError(error).message }))
  if (outcome.status === 'unknown' || outcome.status === 'pending') return 'pending'
  await ledger.endReturn(paymentHash, outcome.status, outcome.status === 'settled' ? outcome.fee : ZERO)
  return outcome.status
}

/** Follows returns that an earlier run left open to their end; before anything is returned in this one. */
export async function resumeReturns(node: LightningNode, ledger: Ledger): Promise<void> {
  for (const { paymentHash } of await ledger.pendingReturns()) {
    const outcome = await node.lookupPayment(paymentHash)
    if (outcome?.status === 'settled') await ledger.endReturn(paymentHash, 'settled', outcome.fee)
    // Booked and never handed to the node, or given up by it: the balance is the buyer's to ask for again.
    if (!outcome || outcome.status === 'failed') await ledger.endReturn(paymentHash, 'failed', ZERO)
  }
}
