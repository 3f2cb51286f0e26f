import { createHash } from 'node:crypto'
import * as ldk from 'lightningdevkit'
import type { Msat } from '../../../money/msat.ts'
import type { OutgoingKeysend } from '../../node.ts'
import { toHex } from '../chain/bytes.ts'
import { FINAL_CLTV_DELTA, isExpired, type PayableInvoice } from '../ldk/invoices.ts'
import { unwrap } from '../ldk/results.ts'

/** How often LDK may try another way. */
const LDK_RETRIES = 3

/** A payment that can be made: by an invoice, or without one. */
export interface Payable {
  readonly hash: Uint8Array
  readonly paymentHash: string
  readonly payee: string
  readonly amount: Msat
  isExpired(): boolean
  /** What to look for a route by, at any fee. */
  route(): ldk.RouteParameters
  /** Has LDK send. Its name for a payment is the hash, so that it too refuses to make one twice. Returns why it would not. */
  send(manager: ldk.ChannelManager, maxFee: Msat): ldk.RetryableSendFailure | undefined
}

export function payableInvoice(invoice: PayableInvoice): Payable {
  const { hash, paymentHash, payee, amount, bolt11 } = invoice
  return {
    hash,
    paymentHash,
    payee,
    amount,
    isExpired: () => isExpired(bolt11),
    route: () => invoiceRoute(invoice).route,
    send(manager, maxFee) {
      const { onion, route } = invoiceRoute(invoice)
      route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(maxFee))
      const result = manager.send_payment(hash, onion, hash, route, ldk.Retry.constructor_attempts(LDK_RETRIES))
      return result instanceof ldk.Result_NoneRetryableSendFailureZ_Err ? result.err : undefined
    },
  }
}

export function payableKeysend({ publicKey, amount, preimage }: OutgoingKeysend): Payable {
  const secret = Buffer.from(preimage, 'hex')
  const hash = createHash('sha256').update(secret).digest()
  const payee = Buffer.from(publicKey, 'hex')
  const route = () =>
    ldk.RouteParameters.constructor_from_payment_params_and_value(
      ldk.PaymentParameters.constructor_for_keysend(payee, FINAL_CLTV_DELTA, false),
      amount,
    )
  return {
    hash,
    paymentHash: toHex(hash),
    payee: publicKey,
    amount,
    isExpired: () => false,
    route,
    send(manager, maxFee) {
      const parameters = route()
      parameters.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(maxFee))
      const result = manager.send_spontaneous_payment(
        ldk.Option_ThirtyTwoBytesZ.constructor_some(secret),
        ldk.RecipientOnionFields.constructor_spontaneous_empty(),
        hash,
        parameters,
        ldk.Retry.constructor_attempts(LDK_RETRIES),
      )
      return result instanceof ldk.Result_ThirtyTwoBytesRetryableSendFailureZ_Err ? result.err : undefined
    },
  }
}

interface InvoiceRoute {
  readonly onion: ldk.RecipientOnionFields
  readonly route: ldk.RouteParameters
}

function invoiceRoute({ bolt11, payee, amount, takesAny }: PayableInvoice): InvoiceRoute {
  if (!takesAny) {
    const parameters = unwrap(
      ldk.UtilMethods.constructor_payment_parameters_from_invoice(bolt11),
      ldk.Result_C3Tuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZNoneZ_OK,
      'reading the invoice',
    )
    return { onion: parameters.get_b(), route: parameters.get_c() }
  }
  // The bindings lack LDK's own way for an invoice without an amount.
  const cltv = Number(bolt11.min_final_cltv_expiry_delta())
  const key = Buffer.from(payee, 'hex')
  const payment = ldk.PaymentParameters.constructor_from_node_id(key, cltv)
  payment.set_payee(ldk.Payee.constructor_clear(key, bolt11.route_hints(), bolt11.features(), cltv))
  payment.set_expiry_time(ldk.Option_u64Z.constructor_some(bolt11.duration_since_epoch() + bolt11.expiry_time()))
  return {
    onion: ldk.RecipientOnionFields.constructor_secret_only(bolt11.payment_secret()),
    route: ldk.RouteParameters.constructor_from_payment_params_and_value(payment, amount),
  }
}
