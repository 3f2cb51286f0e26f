import { expect, it } from 'vitest'
import { outcomeOf, refusalOf } from './outcome.ts'
import { lndPayment } from './testing/fakeRpc.ts'

it('tells a settled payment with its preimage and exact fee', () => {
  expect(outcomeOf(lndPayment({ fee_msat: '1234' }))).toEqual({
    status: 'settled',
    preimage: '22'.repeat(32),
    fee: 1234n,
  })
})

it.each(['INITIATED', 'IN_FLIGHT', 'UNKNOWN'] as const)('takes %s for pending, which counts as spent', (status) => {
  expect(outcomeOf(lndPayment({ status }))).toEqual({ status: 'pending' })
})

it.each([
  ['TIMEOUT', 'payment-timeout'],
  ['NO_ROUTE', 'no-route'],
  ['ERROR', 'payment-failed'],
  ['INCORRECT_PAYMENT_DETAILS', 'invoice-invalid'],
  ['INSUFFICIENT_BALANCE', 'balance-insufficient'],
  ['CANCELED', 'payment-failed'],
  ['SOMETHING_NEW', 'payment-failed'],
])('takes the failure %s for %s', (reason, expected) => {
  const payment = lndPayment({ status: 'FAILED', failure_reason: `FAILURE_REASON_${reason}` })
  expect(outcomeOf(payment)).toMatchObject({ status: 'failed', reason: expected })
})

it('says where the last attempt failed', () => {
  const failedAt = (failure_source_index: number) => ({
    status: 'FAILED' as const,
    failure: { code: 'TEMPORARY_CHANNEL_FAILURE', failure_source_index },
  })
  const detail = (index: number) =>
    outcomeOf(
      lndPayment({
        status: 'FAILED',
        failure_reason: 'FAILURE_REASON_NO_ROUTE',
        htlcs: [failedAt(9), failedAt(index)],
      }),
    )
  expect(detail(2)).toMatchObject({ detail: 'no route: temporary channel failure at hop 2' })
  expect(detail(0)).toMatchObject({ detail: 'no route: temporary channel failure at this node' })
})

it("recognizes LND's refusals of an invoice, and nothing else", () => {
  const words = {
    'invoice expired. Valid until 2026-01-01 00:00:00 +0000 UTC': 'the invoice has expired',
    "invoice not for current active network 'regtest'": 'the invoice is for another network',
    'amount must be specified when paying a zero amount invoice': 'the invoice has no amount',
    'the AMP flag (--amp or SendPaymentRequest.Amp) must be set to pay an AMP invoice': 'the invoice asks for AMP',
    'payment request must contain either a payment address or blinded paths': 'the invoice has no payment address',
  }
  for (const [details, expected] of Object.entries(words)) expect(refusalOf(details), details).toBe(expected)
  expect(refusalOf('self-payments not allowed')).toBeUndefined()
  expect(refusalOf('routerrpc server shutting down')).toBeUndefined()
  expect(refusalOf('payment is in transition')).toBeUndefined()
  expect(refusalOf('unable to look up invoice')).toBeUndefined()
})
