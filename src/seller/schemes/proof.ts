import { StreamError } from '../../errors/error.ts'
import { msat } from '../../money/msat.ts'
import { type Challenge, isExpired } from '../../wire/challenge.ts'
import { isPreimageOf } from '../../wire/preimage.ts'
import type { Account } from '../account.ts'
import type { Seller } from '../seller.ts'

/** A settlement may reach the payer before the seller's node tells of it; a credential waits this long for it. */
const LATE_SETTLEMENT_MS = 10_000

export const isEcho = (seller: Seller, challenge: Challenge): boolean =>
  seller.keys.signerOf(challenge) !== undefined && challenge.realm === seller.realm

/**
 * Checks an echoed challenge of ours. That it is ours says nothing of where it is good, or at what price: that is the account's to say.
 * @throws StreamError `challenge-invalid`
 */
export function checkEcho(seller: Seller, challenge: Challenge): void {
  if (!isEcho(seller, challenge)) {
    throw new StreamError('challenge-invalid', 'this challenge was not made here, or was altered')
  }
}

/** @throws StreamError `preimage-invalid` */
export function checkPreimage(paymentHash: string, preimage: string): void {
  if (!isPreimageOf(preimage, paymentHash)) {
    throw new StreamError('preimage-invalid', 'the preimage does not hash to the payment hash of this invoice')
  }
}

/**
 * The account that an invoice of a 402 paid for. Our node's word decides: routing nodes know a preimage too, and nobody can settle an invoice
 * without the node that made it.
 * @param challenge refused as expired only while nothing was paid: what arrived in time, or after it, is the payer's
 * @throws StreamError `preimage-invalid`, `challenge-invalid` for a hash of no offer of ours, `offer-expired`, `payment-unsettled`
 */
export async function paidAccount(
  seller: Seller,
  paymentHash: string,
  preimage: string,
  challenge?: Challenge,
): Promise<Account> {
  checkPreimage(paymentHash, preimage)
  const account = await seller.accounts.offered(paymentHash)
  if (!account) throw new StreamError('challenge-invalid', 'no invoice of this seller has this payment hash')
  if (account.gate.paid === 0n) {
    if (challenge && isExpired(challenge, Date.now())) {
      throw new StreamError(
        'offer-expired',
        `the challenge expired at ${challenge.expires}, and its invoice was not paid`,
      )
    }
    await account.paidReaches(msat(1n), LATE_SETTLEMENT_MS)
  }
  if (account.gate.paid === 0n)
    throw new StreamError('payment-unsettled', "the invoice is not paid, by its own node's word")
  return account
}

/** Whether a header names a session of this seller that takes deposits. That it is the client's own is not asked: its id is no secret, and gives nothing away. */
export async function isOpenSession({ accounts }: Seller, sessionId: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(sessionId)) return false
  const account = await accounts.offered(sessionId)
  return account?.claim?.scheme === 'session' && !account.closed
}
