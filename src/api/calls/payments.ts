import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { call } from '../call.ts'
import { NewPayment, Payment, PaymentHash } from '../schemas.ts'

export const pay = call({
  method: 'POST',
  path: '/payments',
  id: 'pay',
  summary: 'Pay an invoice, once',
  description:
    'Waits for the outcome, up to two minutes. The same invoice is never paid twice: sent again, this answers with what became of it, and ' +
    'tries anew only what has failed. A problem means that nothing was paid.',
  body: NewPayment,
  answers: { 200: { description: 'How the payment stands', schema: Payment } },
  run: async ({ body }, { payments, caller, journal }) => ({
    status: 200,
    body: await payments.pay(body, caller, journal),
  }),
})

export const showPayment = call({
  method: 'GET',
  path: '/payments/{paymentHash}',
  id: 'getPayment',
  summary: 'What became of a payment',
  params: z.strictObject({ paymentHash: PaymentHash }),
  answers: { 200: { description: 'How it stands', schema: Payment } },
  async run({ params: { paymentHash } }, { payments, journal }) {
    const found = await payments.find(paymentHash, journal)
    if (!found) throw new StreamError('not-found', 'there is no payment of this hash', { paymentHash })
    return { status: 200, body: found }
  },
})
