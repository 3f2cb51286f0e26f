import type { LightningNode } from '../src/lightning/node.ts'
import { type Msat, sat } from '../src/money/msat.ts'

/** How long one payment takes between two nodes, in ms, without the making of its invoice. */
export async function timePayment(buyer: LightningNode, seller: LightningNode, amount: Msat): Promise<number> {
  const [invoice] = await seller.createInvoices([{ amount, description: 'alone', expiresInSeconds: 600 }])
  const startedAt = performance.now()
  const outcome = await buyer.pay({ request: invoice!.request, maxFee: sat(1), timeoutMs: 10_000 })
  if (outcome.status !== 'settled') throw new Error(`a payment did not settle: ${JSON.stringify(outcome.status)}`)
  return performance.now() - startedAt
}
