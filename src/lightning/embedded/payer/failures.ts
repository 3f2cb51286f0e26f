import * as ldk from 'lightningdevkit'
import { type Failed, failed } from './attempt.ts'

/** LDK's last word on a payment that failed, in the words of every node. */
export function failureOf(reason: ldk.PaymentFailureReason | undefined): Failed {
  switch (reason) {
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_RecipientRejected:
      return failed('payment-failed', 'the payee rejected the payment')
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_UserAbandoned:
      return failed('payment-timeout', 'the payment was given up before it reached the payee')
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_PaymentExpired:
      return failed('invoice-invalid', 'the invoice expired on the way')
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_RouteNotFound:
      return failed('no-route', 'no route to the payee')
    case ldk.PaymentFailureReason.LDKPaymentFailureReason_RetriesExhausted:
      return failed('payment-failed', 'every attempt failed on its way')
    default:
      return failed('payment-failed', 'LDK could not make the payment')
  }
}

/** Why LDK would not start a payment, other than for want of a route. */
export function refusalOf(reason: ldk.RetryableSendFailure): Failed {
  return reason === ldk.RetryableSendFailure.LDKRetryableSendFailure_PaymentExpired
    ? failed('invoice-invalid', 'the invoice has expired')
    : failed('payment-failed', 'the payment does not fit into an onion')
}
