import { StreamError, toStreamError } from '../../errors/error.ts'
import type { Journal, JournalPayment } from '../../ledger/journal.ts'
import type { LimitUse } from '../../ledger/limits.ts'
import type { LightningNode, PaymentOutcome } from '../../lightning/node.ts'
import type { PreparedPayment } from '../../lightning/verbs/prepare.ts'
import { sendPrepared } from '../../lightning/verbs/verbs.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import { limitError } from './blocked.ts'
import { finalOutcome, followFor, payerOf } from './outcome.ts'

/** Stands in the journal where other payments have the id of their agreement. */
export const BY_HAND = ''
/** Where a payment by hand goes, as an origin: limits "at a host" hold for the payee's key. */
export const originOf = (payee: string): string => `lightning://${payee}`

export interface ByHandOptions {
  readonly node: LightningNode
  readonly journal: Journal
  /** How long the payment is tried, and then how long an outcome that is not known is asked after. */
  readonly timeoutMs: number
  /** Asked last, before the payment is written and sent. What it throws is thrown on. */
  readonly confirm: () => Promise<void>
  /** Told when it is written, right before it is sent. */
  readonly onSending: () => void
  /** Told when the last fifth of a limit is begun. */
  readonly onNear: (use: LimitUse) => void
}

export interface ByHandResult {
  readonly preimage: string
  readonly fee: Msat
  /** It had been paid before: nothing was sent now. */
  readonly before: boolean
}

/**
 * Makes a payment that belongs to no agreement, under the same journal and limits as all others: it is written before it is sent, and
 * counts as spent until the node says that it failed. Whatever ran before, killed at whatever instant, an invoice is paid once:
 * - paid before: said so, and nothing is sent;
 * - without a known outcome: it is asked after, and sent again only once the node says that it failed;
 * - failed before: tried anew.
 * @throws StreamError `payment-unknown` (it may yet be paid), one of the failures of a payment, `budget-exhausted`, `node-…`, `ledger-failed`
 */
export async function payByHand(payment: PreparedPayment, options: ByHandOptions): Promise<ByHandResult> {
  const { node, journal, confirm, timeoutMs } = options
  const payer = payerOf(await node.info())
  const earlier = await earlierEnd(payment, payer, options)
  if (earlier) return { ...earlier, before: true }
  await confirm()
  await write(payment, payer, options)
  options.onSending()
  let outcome: PaymentOutcome
  try {
    outcome = await sendPrepared(node, payment, timeoutMs)
  } catch (error) {
    // A node that rejects was not asked to send (`LightningNode.pay`). Of anything else nothing is known.
    const known = toStreamError(error)
    if (known.code.startsWith('node-')) await journal.endPayment(payment.paymentHash, FAILED)
    throw known
  }
  if (outcome.status !== 'settled' && outcome.status !== 'failed') {
    await journal.endPayment(payment.paymentHash, { status: 'unknown', fee: ZERO })
    outcome = await follow(node, payment.paymentHash, timeoutMs)
  }
  return { ...(await conclude(journal, payment.paymentHash, outcome)), before: false }
}

const FAILED = { status: 'failed', fee: ZERO } as const

/** What became of it in an earlier run; `undefined` if it may be sent. */
async function earlierEnd(
  { paymentHash }: PreparedPayment,
  payer: string,
  { node, journal, timeoutMs }: ByHandOptions,
): Promise<Omit<ByHandResult, 'before'> | undefined> {
  const entry = await journal.getPayment(paymentHash)
  if (entry?.status === 'settled') return { preimage: entry.preimage ?? '', fee: entry.fee }
  if (entry && entry.status !== 'failed') return followEntry(entry, payer, { node, journal, timeoutMs })
  // Paid by the same node and by another program, or before the journal was lost.
  const known = await node.lookupPayment(paymentHash)
  if (known?.status === 'settled') return { preimage: known.preimage, fee: known.fee }
  if (known && known.status !== 'failed') throw unknown('this node is paying it already')
  return undefined
}

async function followEntry(
  entry: JournalPayment,
  payer: string,
  { node, journal, timeoutMs }: Pick<ByHandOptions, 'node' | 'journal' | 'timeoutMs'>,
): Promise<Omit<ByHandResult, 'before'> | undefined> {
  const { paymentHash } = entry
  if (entry.payer !== payer) {
    throw unknown(`the node ${entry.payer.slice(0, 16)}… was asked to pay it, and only that one knows`)
  }
  const isLeft = (await journal.abandonedPayments()).some((one) => one.paymentHash === paymentHash)
  if (!isLeft) throw unknown('another command is paying it now')
  const outcome = await follow(node, paymentHash, timeoutMs, entry.createdAtMs)
  if (outcome.status === 'failed') {
    await journal.endPayment(paymentHash, FAILED)
    return undefined
  }
  return conclude(journal, paymentHash, outcome)
}

async function write(payment: PreparedPayment, payer: string, { journal, onNear }: ByHandOptions): Promise<void> {
  const { paymentHash, payee, amount, maxFee, way } = payment
  const writing = await journal.repeatPayment({
    paymentHash,
    request: way.kind === 'invoice' ? way.request : `keysend:${payee}`,
    agreementId: BY_HAND,
    origin: originOf(payee),
    payer,
    amount,
    maxFee,
    createdAtMs: Date.now(),
    receivedSteps: 0n,
  })
  if (writing.written) return writing.near.forEach(onNear)
  if (writing.reason === 'limit') throw limitError(writing.use)
  throw unknown('another command is paying it now')
}

/** Asks the node until it knows, or the time is up. @param createdAtMs when an earlier run wrote it, which may not have sent it */
async function follow(
  node: LightningNode,
  paymentHash: string,
  timeoutMs: number,
  createdAtMs?: number,
): Promise<PaymentOutcome> {
  const asked = createdAtMs === undefined ? { paymentHash } : { paymentHash, createdAtMs }
  return (await finalOutcome(node, asked)) ?? followFor(node, asked, timeoutMs)
}

async function conclude(
  journal: Journal,
  paymentHash: string,
  outcome: PaymentOutcome,
): Promise<Omit<ByHandResult, 'before'>> {
  if (outcome.status === 'settled') {
    const { preimage, fee } = outcome
    await journal.endPayment(paymentHash, { status: 'settled', fee, preimage })
    return { preimage, fee }
  }
  if (outcome.status === 'failed') {
    await journal.endPayment(paymentHash, FAILED)
    throw new StreamError(outcome.reason, outcome.detail || 'the payment failed', { paymentHash })
  }
  const detail = outcome.status === 'unknown' ? `: ${outcome.detail}` : ''
  throw new StreamError('payment-unknown', `whether it was paid is not known yet${detail}`, { paymentHash })
}

const unknown = (why: string): StreamError => new StreamError('payment-unknown', why)
