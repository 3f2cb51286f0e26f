import { unlessAborted } from '../../errors/aborted.ts'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { isAwaited, type Journal, type JournalAgreement, type JournalPayment } from '../../ledger/journal.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { pause } from '../../lightning/pause.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import { stepsFor } from '../../money/price.ts'
import { creditAt } from '../../terms/credit.ts'
import { decodeStatement, encodeStatement, type Statement } from '../../wire/statement.ts'
import { finalOutcome, payerOf } from '../payments/outcome.ts'
import { tokenOf } from '../schemes/token.ts'
import {
  askForClosing,
  askForReturn,
  type Closing,
  disputeOf,
  owed,
  SMALLEST_RETURN,
  type Taking,
  takeBack,
} from '../trade/closing.ts'
import { dealOf, readPast } from './past.ts'
import type { RecoveredAgreement, RecoverOptions } from './recovered.ts'
import { notClosable, recoverToken } from './recoverToken.ts'

export type { RecoveredAgreement, RecoverOptions } from './recovered.ts'

/** A payment that an earlier run left without an outcome, and what became of it. */
export interface RecoveredPayment {
  readonly payment: JournalPayment
  /** `open`: the node does not know yet. `elsewhere`: another node was asked to pay, and only that one knows. */
  readonly now: 'settled' | 'failed' | 'open' | 'elsewhere'
  readonly fee: Msat
}

export interface Recovery {
  readonly payments: readonly RecoveredPayment[]
  readonly agreements: readonly RecoveredAgreement[]
}

const WITHIN_MS = 60_000
const PAUSE_MS = { first: 200, last: 5000 }
const CONTROL_TIMEOUT_MS = 20_000

/**
 * Takes up what earlier runs left behind, killed or cut off: follows every payment of unknown outcome to its end by its payment hash,
 * asks again for returns that did not arrive, and closes what is open where it is told to. What a running process holds is left
 * alone. Nothing is paid, so that repeating it is always safe.
 * @throws StreamError `ledger-failed`, `node-…`; the signal's reason
 * @example const { payments, agreements } = await recover({ node, journal, close: true })
 */
export async function recover(options: RecoverOptions): Promise<Recovery> {
  const payments = await recoverPayments(options)
  const agreements: RecoveredAgreement[] = []
  for (const entry of await options.journal.agreements()) {
    options.signal?.throwIfAborted()
    if (options.takes?.(entry) === false) continue
    const recovered = await recoverAgreement(options, entry)
    if (recovered) agreements.push(recovered)
  }
  return { payments, agreements }
}

/**
 * Closes one agreement, as `recover` with `close` does all of them. One that is closed is said to be, with what came back of it.
 * @throws StreamError `not-found`, `agreement-busy` (somebody holds it), the seller's own, `ledger-failed`, `node-…`
 */
export async function closeAgreement(options: RecoverOptions, id: string): Promise<RecoveredAgreement> {
  const { journal } = options
  const entry = await journal.getAgreement(id)
  if (!entry) throw new StreamError('not-found', `the journal has no agreement ${id}`)
  const recovered = await recoverAgreement({ ...options, close: true }, entry)
  if (recovered?.error) throw recovered.error
  if (recovered) return recovered
  const { url, state, statement, returns } = (await journal.getAgreement(id)) ?? entry
  const { paid } = await readPast(journal, entry)
  const token = tokenOf(entry)
  if (token && state === 'open') throw await notClosable(journal, token)
  // Held, or written by another version, or closed and with a return that somebody is at.
  if (state === 'open' || isOwed({ ...entry, ...(statement !== undefined && { statement }), returns }, paid)) {
    throw new StreamError('agreement-busy', `the agreement ${id} is in use`, { agreement: id })
  }
  const settled = returns.filter(({ status }) => status === 'settled')
  const amount = msat(settled.reduce((total, one) => total + one.amount, 0n))
  return { id, url, paid, now: 'closed', returned: settled.length > 0 ? 'settled' : 'nothing', amount }
}

async function recoverPayments(options: RecoverOptions): Promise<RecoveredPayment[]> {
  const { node, journal, withinMs = WITHIN_MS, signal } = options
  const self = payerOf(await unlessAborted(node.info(), signal))
  const results = new Map<string, RecoveredPayment>()
  const untilMs = performance.now() + withinMs
  for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)) {
    const open = await journal.abandonedPayments()
    for (const payment of open) {
      results.set(payment.paymentHash, await unlessAborted(judge(node, journal, payment, self), signal))
    }
    const left = [...results.values()].some(({ now }) => now === 'open')
    if (!left || performance.now() + pauseMs > untilMs) return [...results.values()]
    await pause(pauseMs, signal)
    signal?.throwIfAborted()
  }
}

async function judge(
  node: LightningNode,
  journal: Journal,
  payment: JournalPayment,
  self: string,
): Promise<RecoveredPayment> {
  const { paymentHash, payer } = payment
  if (payer !== '' && payer !== self) return { payment, now: 'elsewhere', fee: ZERO }
  // Which node an old journal paid with is unknown: that this one never heard of a payment says nothing then.
  const outcome = await finalOutcome(node, payer === '' ? { paymentHash } : payment)
  if (!outcome) return { payment, now: 'open', fee: ZERO }
  if (outcome.status === 'failed') {
    await journal.endPayment(paymentHash, { status: 'failed', fee: ZERO })
    return { payment, now: 'failed', fee: ZERO }
  }
  const { fee, preimage } = outcome
  await journal.endPayment(paymentHash, { status: 'settled', fee, preimage })
  return { payment, now: 'settled', fee }
}

/** `undefined` where there is nothing left to do, or a running process is at it. */
async function recoverAgreement(
  options: RecoverOptions,
  entry: JournalAgreement,
): Promise<RecoveredAgreement | undefined> {
  const { journal, node, fetch = globalThis.fetch, close = false, signal } = options
  const { id, url, method } = entry
  const { paid } = await readPast(journal, entry)
  const token = tokenOf(entry)
  if (token) return recoverToken(options, entry, token, paid)
  if (entry.state === 'closed' && !isOwed(entry, paid)) return undefined
  const deal = dealOf(entry)
  if (!deal || !(await journal.holdAgreement(id))) return undefined
  const endpoint = { url, method, fetch, timeoutMs: CONTROL_TIMEOUT_MS, signal }
  const taking: Taking = { node, journal, endpoint, deal }
  const about = { id, url, paid, amount: ZERO }
  try {
    if (entry.state === 'open' && !close) return { ...about, now: 'open' }
    const statement = await closedStatement(taking, entry, paid)
    return { ...about, now: 'closed', ...(await takeBackAll(taking, entry, paid, statement)) }
  } catch (error) {
    signal?.throwIfAborted()
    const known = toStreamError(error)
    // A seller that has forgotten it may only have been started with other books. Once it has expired nobody will remember it.
    const isOver = known.code === 'agreement-unknown' && deal.agreement.expiresAtMs <= Date.now()
    if (isOver) await journal.closeAgreement(id, undefined)
    return { ...about, now: 'failed', error: known }
  } finally {
    await journal.releaseAgreement(id)
  }
}

/** A closed agreement of which something is to come back yet, as far as the journal knows. */
function isOwed({ statement, returns }: JournalAgreement, paid: Msat): boolean {
  if (statement === undefined) return false
  const open = returns.some(isAwaited)
  return open || owed(paid, decodeStatement(JSON.parse(statement)), returns) >= SMALLEST_RETURN
}

async function closedStatement(taking: Taking, entry: JournalAgreement, paid: Msat): Promise<Statement> {
  if (entry.statement !== undefined) return decodeStatement(JSON.parse(entry.statement))
  const { deal, endpoint, journal } = taking
  const statement = await askForClosing(endpoint, deal, paid)
  const { price, credit } = deal.agreement
  // How much came of what was on its way when the earlier run ended, nobody here knows; what a gate can have let out is known.
  const most = stepsFor(price, statement.paid + creditAt(credit, statement.paid)) ?? statement.steps
  const excess = statement.steps > most ? statement.steps - most : 0n
  const dispute = disputeOf(statement, deal.agreement, { paid, steps: entry.receivedSteps, excess })
  await journal.closeAgreement(entry.id, JSON.stringify(encodeStatement(statement)))
  if (dispute) throw dispute
  return statement
}

/**
 * Asks for the same invoices as before: a seller that paid one says so, and pays no second time. Then for what is owed besides: what failed,
 * and what settled after the close.
 */
async function takeBackAll(
  taking: Taking,
  { id, returns }: JournalAgreement,
  paid: Msat,
  statement: Statement,
): Promise<{ readonly returned: Closing['returned']; readonly amount: Msat }> {
  const asked = returns.filter(({ status }) => status === 'asked')
  const outcomes: Closing['returned'][] = []
  for (const { invoice, amount } of asked) outcomes.push(await askForReturn(taking, invoice, amount))
  const now = (await taking.journal.getAgreement(id))?.returns ?? returns
  const rest = owed(paid, statement, now)
  const last = await takeBack(taking, rest)
  if (last !== 'nothing' && (last !== 'kept' || outcomes.length === 0)) outcomes.push(last)
  const sum = asked.reduce((total, { amount }) => total + amount, last === 'kept' ? 0n : rest)
  return { returned: worst(outcomes), amount: msat(sum) }
}

/** Of several returns the one that is told is the one that is least done. */
const worst = (outcomes: readonly Closing['returned'][]): Closing['returned'] =>
  (['failed', 'pending', 'settled', 'kept'] as const).find((outcome) => outcomes.includes(outcome)) ?? 'nothing'
