import { sat } from '../../money/msat.ts'
import type { LightningNode } from '../node.ts'

/**
 * Where the settlements of a node stand, so that a test counts only its own: the payer pays one sat, and its settlement is the newest.
 * Waiting until nothing more is told would end too early on a busy machine.
 */
export async function newestPlace(payer: LightningNode, payee: LightningNode): Promise<bigint> {
  const [invoice] = await payee.createInvoices([{ amount: sat(1), description: '', expiresInSeconds: 600 }])
  const told = Promise.withResolvers<bigint>()
  const end = payee.subscribeSettlements(
    0n,
    ({ index, paymentHash }) => {
      if (paymentHash === invoice!.paymentHash) told.resolve(index)
    },
    told.reject,
  )
  try {
    const outcome = await payer.pay({ request: invoice!.request, maxFee: sat(1), timeoutMs: 20_000 })
    if (outcome.status !== 'settled') throw new Error(`the payment that marks the place: ${outcome.status}`)
    return await told.promise
  } finally {
    end()
    told.promise.catch(() => {})
  }
}
