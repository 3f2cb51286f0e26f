import type { Journal, JournalAgreement, JournalPayment } from '../../ledger/journal.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { BY_HAND } from '../payments/byHand.ts'
import { tokenOf } from '../schemes/token.ts'

/** A line of the history. Amounts in msat, as decimal strings; the time in UTC. */
export interface HistoryRecord {
  readonly time: string
  readonly seller: string
  /** Empty for a payment that was made by hand. */
  readonly agreement: string
  /** Of an agreement `open` or `closed`, of a payment `settled`, `failed`, `pending` or `unknown`. */
  readonly status: string
  /** Settled, and of a payment also what is still open. */
  readonly amount: string
  readonly fee: string
  /** What came back after the close. */
  readonly returned?: string
  readonly payments?: string
  readonly url?: string
  /** What an agreement was paid by. */
  readonly scheme?: SchemeName
  /** What the seller said of it that cannot be; empty if nothing. */
  readonly fault?: string
  readonly paymentHash?: string
  readonly preimage?: string
  readonly invoice?: string
}

export async function paymentRecords(journal: Journal, sinceMs: number): Promise<HistoryRecord[]> {
  return (await journal.payments({ sinceMs })).map(paymentRecord)
}

export const paymentRecord = (payment: JournalPayment): HistoryRecord => ({
  time: timeOf(payment.createdAtMs),
  seller: payment.origin,
  agreement: payment.agreementId,
  status: payment.status,
  amount: `${payment.amount}`,
  fee: `${payment.fee}`,
  paymentHash: payment.paymentHash,
  preimage: payment.preimage ?? '',
  invoice: payment.request,
})

/** The agreements, and the payments that belong to none: those made by hand. Oldest first. */
export async function agreementRecords(journal: Journal, sinceMs: number): Promise<HistoryRecord[]> {
  // A session's further deposits are payments on it.
  const agreements = (await journal.agreements()).filter(
    (one) => one.createdAtMs >= sinceMs && tokenOf(one)?.sessionId === undefined,
  )
  const records = agreements.map((one) => agreementRecord(journal, one))
  const byHand = (await journal.payments({ agreementId: BY_HAND, sinceMs })).map(paymentRecord)
  const all = [...(await Promise.all(records)), ...byHand]
  return all.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

export async function agreementRecord(journal: Journal, agreement: JournalAgreement): Promise<HistoryRecord> {
  const payments = await journal.payments({ agreementId: agreement.id })
  const settled = payments.filter(({ status }) => status === 'settled')
  const back = agreement.returns.filter(({ status }) => status === 'settled')
  return {
    time: timeOf(agreement.createdAtMs),
    seller: new URL(agreement.url).origin,
    agreement: agreement.id,
    status: agreement.state,
    amount: `${settled.reduce((sum, { amount }) => sum + amount, 0n)}`,
    fee: `${settled.reduce((sum, { fee }) => sum + fee, 0n)}`,
    returned: `${back.reduce((sum, { amount }) => sum + amount, 0n)}`,
    payments: `${settled.length}`,
    url: agreement.url,
    scheme: tokenOf(agreement)?.scheme ?? 'stream',
    fault: agreement.fault ?? '',
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
