import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import { createInvoice } from '../../lightning/verbs/verbs.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { call } from '../call.ts'
import { Invoice, MadeInvoice, NewInvoice, PaymentHash } from '../schemas.ts'

const timeOf = (ms: number): string => new Date(ms).toISOString()

export const makeInvoice = call({
  method: 'POST',
  path: '/invoices',
  id: 'createInvoice',
  summary: 'Make an invoice',
  description:
    'What is paid to it goes to the node, and so to its owner. An embedded node takes payments only while it runs.',
  body: NewInvoice,
  answers: { 201: { description: 'The invoice, to be given to whoever pays', schema: MadeInvoice } },
  async run({ body }, { parts, caller, bounds }) {
    if (!caller.isOwner) bounds.take('invoices', caller.name)
    const { amount, description = '', expiresInS } = body
    const { request, paymentHash } = await createInvoice(parts.node, amount.trim() === 'any' ? 'any' : amount, {
      description,
      ...(expiresInS !== undefined && { expiresInSeconds: expiresInS }),
    })
    if (!caller.isOwner) parts.invoices.note(paymentHash, caller.name)
    const made = decodeInvoice(request)
    return {
      status: 201,
      body: {
        invoice: request,
        paymentHash,
        ...(made.amount !== undefined && { amount: made.amount }),
        expiresAt: timeOf(made.expiresAtMs),
      },
    }
  },
})

export const showInvoice = call({
  method: 'GET',
  path: '/invoices/{paymentHash}',
  id: 'getInvoice',
  summary: 'Whether an invoice was paid',
  params: z.strictObject({ paymentHash: PaymentHash }),
  answers: { 200: { description: 'How it stands', schema: Invoice } },
  async run({ params: { paymentHash } }, { parts, caller }) {
    const isOwn = caller.isOwner || parts.invoices.callerOf(paymentHash) === caller.name
    const record = isOwn ? await parts.node.findInvoice(paymentHash) : undefined
    if (!record) throw new StreamError('invoice-unknown', 'there is no invoice of this payment hash', { paymentHash })
    const { status, amount, received, request, expiresAtMs } = record
    return {
      status: 200,
      body: {
        paymentHash,
        status: status === 'canceled' ? 'expired' : status,
        ...(amount !== undefined && { amount }),
        ...(status === 'settled' && { received }),
        expiresAt: timeOf(expiresAtMs),
        ...(request !== '' && { invoice: request }),
      },
    }
  },
})
