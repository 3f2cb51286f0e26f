import { z } from 'zod'
import { paymentRecord } from '../../buyer/journal/history.ts'
import { readDuration } from '../../money/duration.ts'
import { call } from '../call.ts'
import { nextOf, placeOf } from '../pages.ts'
import { History, Page, Since } from '../schemas.ts'

export const listPayments = call({
  method: 'GET',
  path: '/history',
  id: 'listPayments',
  summary: 'Every payment',
  description: 'Newest first.',
  query: z.strictObject({ since: Since.optional(), ...Page }),
  answers: { 200: { description: 'The payments', schema: History } },
  async run({ query: { since, limit, cursor } }, { journal }) {
    const from = cursor === undefined ? undefined : placeOf(cursor)
    const found = await journal.payments({
      newest: limit,
      ...(since !== undefined && { sinceMs: Math.max(0, Date.now() - readDuration(since)) }),
      ...(from && { before: { createdAtMs: from.createdAtMs, paymentHash: from.id } }),
    })
    const page = found.reverse()
    const payments = page.map((one) => ({
      ...paymentRecord(one),
      ...(one.caller !== undefined && { caller: one.caller }),
    }))
    const places = page.map(({ createdAtMs, paymentHash }) => ({ createdAtMs, id: paymentHash }))
    return { status: 200, body: { payments, ...nextOf(places, limit) } }
  },
})
