import type { NodeInfo, PaymentOutcome } from '../../lightning/node.ts'
import { MAX_MSAT, type Msat } from '../../money/msat.ts'
import { isPreimageOf } from '../../wire/preimage.ts'
import { refusalOf } from './refusal.ts'

/** What is known of a wallet in a browser: it signs nothing, tells of no arrival by itself, and what it holds is not asked. */
export const walletInfo = (
  wallet: Pick<NodeInfo, 'kind' | 'network' | 'publicKey' | 'account' | 'alias'>,
): NodeInfo => ({
  ...wallet,
  canSend: MAX_MSAT,
  canReceive: MAX_MSAT,
  abilities: { sign: false, settlements: 'polled', keysend: false, anyAmount: false },
})

/** What became of a payment that a wallet was asked for: settled when its preimage opens its hash, whatever the wallet says. */
export async function outcomeOf(
  paymentHash: string,
  paying: Promise<{ readonly preimage: unknown; readonly fee: Msat }>,
): Promise<PaymentOutcome> {
  try {
    const { preimage, fee } = await paying
    if (opens(preimage, paymentHash)) return { status: 'settled', preimage, fee }
    return { status: 'unknown', detail: 'the wallet says that it paid, and shows no preimage for it' }
  } catch (error) {
    return refusalOf(error)
  }
}

/** Whether a preimage is one, and that of this payment. */
export function opens(preimage: unknown, paymentHash: string): preimage is string {
  if (typeof preimage !== 'string' || !/^[\da-f]{64}$/i.test(preimage)) return false
  return isPreimageOf(preimage.toLowerCase(), paymentHash)
}
