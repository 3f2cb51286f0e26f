import { StreamError, toStreamError } from '../../errors/error.ts'
import type { AnyCredential } from '../../wire/credential.ts'
import { decodeChargePayload, decodeChargeRequest } from '../../wire/mpp/charge.ts'
import type { Account } from '../account.ts'
import type { Seller } from '../seller.ts'
import { checkBound } from './boundBody.ts'
import { closeUnsigned } from './closing.ts'
import { paidAccount } from './proof.ts'
import { checkPlace, serve, type Use } from './serve.ts'

/** Charges that are being delivered, or were. Invariant: looked at and noted without a wait between, so one of many at once is served. */
const taken = new WeakSet<Account>()

/**
 * `charge` (draft-lightning-charge): one payment, one answer. What it did not use of its allowance stays on the closed agreement, where the
 * seller's operator sees it as owed. An answer that is no success, or never came, uses up nothing: then the payment can be shown again.
 * @throws StreamError
 */
export async function useCharge(use: Use, { challenge, payload }: AnyCredential): Promise<Response> {
  const { host } = use
  const { seller } = host
  const { preimage } = decodeChargePayload(payload)
  const request = await checkBound(seller, challenge, use.request)
  const { paymentHash } = decodeChargeRequest(challenge.request)
  if (paymentHash === undefined) throw new StreamError('challenge-invalid', 'this challenge names no payment')
  const account = await paidAccount(seller, paymentHash, preimage, challenge)
  checkPlace(host, account)
  const claim = await seller.accounts.claim(account, { scheme: 'charge' })
  if (claim?.scheme !== 'charge' || account.closed || account.gate.deliveredSteps > 0n || taken.has(account)) {
    throw new StreamError('challenge-invalid', 'this payment was used already')
  }
  taken.add(account)
  let sold = false
  return serve({ ...use, request }, account, {
    receipt: { reference: paymentHash, challengeId: challenge.id },
    graceMs: 0,
    onSold: () => {
      sold = true
    },
    onEnd: () => {
      if (!sold) taken.delete(account)
      else void finish(seller, account)
    },
  }).catch((error) => {
    if (!sold) taken.delete(account)
    throw error
  })
}

/** What was delivered is in the ledger already: a close that fails leaves the payment as used as it is. */
async function finish(seller: Seller, account: Account): Promise<void> {
  try {
    if (await closeUnsigned(seller.ledger, account)) seller.emit({ type: 'closed', account })
  } catch (error) {
    seller.emit({ type: 'error', error: toStreamError(error) })
  }
}
