import { z } from 'zod'
import { agreementRecord } from '../../buyer/journal/history.ts'
import { proofOf } from '../../buyer/journal/proof.ts'
import { closeAgreement } from '../../buyer/journal/recover.ts'
import { StreamError } from '../../errors/error.ts'
import type { Journal, JournalAgreement } from '../../ledger/journal.ts'
import { call } from '../call.ts'
import { troubleOf } from '../handPayments.ts'
import { nextOf, placeOf } from '../pages.ts'
import { AgreementId, Agreements, ClosedAgreement, Page, Statement } from '../schemas.ts'

const byId = z.strictObject({ id: AgreementId })

export const listAgreements = call({
  method: 'GET',
  path: '/agreements',
  id: 'listAgreements',
  summary: 'What was bought, from whom, and what it cost',
  description: 'Newest first.',
  query: z.strictObject({ status: z.enum(['open', 'closed']).optional(), ...Page }),
  answers: { 200: { description: 'The agreements', schema: Agreements } },
  async run({ query: { status, limit, cursor } }, { journal }) {
    const from = cursor === undefined ? undefined : placeOf(cursor)
    const all = (await journal.agreements(status)).reverse()
    const page = all.filter((one) => from === undefined || isBefore(one, from)).slice(0, limit)
    const agreements: object[] = []
    // One after the other: each is summed up from its payments, which may be very many.
    for (const one of page) {
      agreements.push({ ...(await agreementRecord(journal, one)), ...callerOf(one) })
    }
    return { status: 200, body: { agreements, ...nextOf(page, limit) } }
  },
})

const callerOf = ({ caller }: JournalAgreement) => (caller === undefined ? {} : { caller })

const isBefore = (one: JournalAgreement, { createdAtMs, id }: { createdAtMs: number; id: string }): boolean =>
  one.createdAtMs < createdAtMs || (one.createdAtMs === createdAtMs && one.id < id)

export const close = call({
  method: 'POST',
  path: '/agreements/{id}/close',
  id: 'closeAgreement',
  summary: 'End an agreement, and take its balance back',
  description: 'What runs on it ends. Sent again, it says how it was closed.',
  params: byId,
  answers: { 200: { description: 'It is closed', schema: ClosedAgreement } },
  async run({ params: { id } }, { parts, journal }) {
    await known(journal, id)
    const closing = await parts.closeTrade?.(id)
    if (closing) {
      const { returned, amount, dispute } = closing
      return {
        status: 200,
        body: { state: 'closed', returned, amount, ...(dispute && { dispute: troubleOf(dispute) }) },
      }
    }
    const session = await parts.closeSession?.(id)
    if (session?.refund) {
      const { status, amount } = session.refund
      return { status: 200, body: { state: 'closed', returned: status, amount } }
    }
    const { node, fetch } = parts
    const { returned = 'nothing', amount } = await closeAgreement({ node, journal, ...(fetch && { fetch }) }, id)
    return { status: 200, body: { state: 'closed', returned, amount } }
  },
})

export const statement = call({
  method: 'GET',
  path: '/agreements/{id}/statement',
  id: 'getStatement',
  summary: 'A proof of what was paid on a closed agreement',
  description: 'It holds no secret; `streampay verify` checks it anywhere.',
  params: byId,
  answers: { 200: { description: 'As `streampay statement` writes it', schema: Statement } },
  async run({ params: { id } }, { journal }) {
    const found = await known(journal, id)
    const { statement } = found
    if (statement === undefined) throw new StreamError('not-found', 'this agreement was not closed with a statement')
    return { status: 200, body: await proofOf(journal, { ...found, statement }) }
  },
})

async function known(journal: Journal, id: string): Promise<JournalAgreement> {
  const found = await journal.getAgreement(id)
  if (!found) throw new StreamError('not-found', `there is no agreement ${id}`)
  return found
}
