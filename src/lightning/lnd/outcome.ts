import { msat } from '../../money/msat.ts'
import type { PaymentFailure, PaymentOutcome } from '../node.ts'
import type { LndPayment } from './rpc.ts'

/** LND's failure reasons (`PaymentFailureReason` in lightning.proto). */
const REASONS: Readonly<Record<string, PaymentFailure>> = {
  FAILURE_REASON_TIMEOUT: 'payment-timeout',
  FAILURE_REASON_NO_ROUTE: 'no-route',
  FAILURE_REASON_INCORRECT_PAYMENT_DETAILS: 'invoice-invalid',
  FAILURE_REASON_INSUFFICIENT_BALANCE: 'balance-insufficient',
}

/** A payment as LND shows it, as an outcome. */
export function outcomeOf(payment: LndPayment): PaymentOutcome {
  if (payment.status === 'SUCCEEDED') {
    return { status: 'settled', preimage: payment.payment_preimage, fee: msat(BigInt(payment.fee_msat)) }
  }
  if (payment.status !== 'FAILED') return { status: 'pending' }
  return { status: 'failed', reason: REASONS[payment.failure_reason] ?? 'payment-failed', detail: detailOf(payment) }
}

function detailOf(payment: LndPayment): string {
  const reason = payment.failure_reason
    .replace(/^FAILURE_REASON_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
  const failure = payment.htlcs.findLast((htlc) => htlc.failure !== null)?.failure
  if (!failure) return reason
  const where = failure.failure_source_index === 0 ? 'this node' : `hop ${failure.failure_source_index}`
  return `${reason}: ${failure.code.toLowerCase().replaceAll('_', ' ')} at ${where}`
}

/**
 * What LND says when it will not pay an invoice that it can read. Nothing was sent then: these checks come before it
 * stores the payment (`extractIntentFromSendRequest`).
 */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/^invoice expired/i, 'the invoice has expired'],
  [/^invoice not for current active network/i, 'the invoice is for another network'],
  [/amount must not be specified when paying a non-zero/i, 'the invoice has an amount of its own'],
  [/paying a zero amount invoice/i, 'the invoice has no amount'],
  [/must be set to pay an AMP invoice/i, 'the invoice asks for AMP'],
  [/^payment request must contain either a payment address/i, 'the invoice has no payment address'],
]

/** Why LND refused the invoice itself; `undefined` if its words are about something else. */
export function refusalOf(details: string): string | undefined {
  return REFUSALS.find(([pattern]) => pattern.test(details))?.[1]
}
