import { StreamError, toStreamError } from '../../errors/error.ts'
import { isAwaited, type Journal, type JournalAgreement, type JournalPayment } from '../../ledger/journal.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import { tellDeposit, tellDeposits } from '../schemes/deposits.ts'
import { closeSession, makeReturnInvoice, type SessionPlace } from '../schemes/session.ts'
import { type Token, tokenOf } from '../schemes/token.ts'
import type { RecoveredAgreement, RecoverOptions } from './recovered.ts'

/**
 * What was prepaid. Of a session what is left comes back by its close; of a token nothing does, and it stays for the next purchase. What bought nothing is
 * closed.
 */
export async function recoverToken(
  options: RecoverOptions,
  { id, state, returns }: JournalAgreement,
  token: Token,
  paid: Msat,
): Promise<RecoveredAgreement | undefined> {
  const { node, journal, fetch = globalThis.fetch, close = false, signal } = options
  const isOwed = returns.some(isAwaited)
  if (state === 'closed' && !isOwed) return undefined
  const payment = await journal.getPayment(token.paymentHash)
  const { preimage } = payment ?? {}
  const isUnknown = payment !== undefined && payment.status !== 'failed' && preimage === undefined
  const isToken = preimage !== undefined && token.scheme !== 'session'
  if (isUnknown || isToken || !(await journal.holdAgreement(id))) return undefined
  const { url } = token
  // What a further deposit paid counts for its session.
  const about = { id, url, paid: token.sessionId === undefined ? paid : token.amount, amount: ZERO }
  try {
    if (preimage === undefined) {
      await journal.closeAgreement(id, undefined)
      return undefined
    }
    if (state === 'open' && !close) return token.sessionId === undefined ? { ...about, now: 'open' } : undefined
    const send = (to: string, { signal: own, ...request }: RequestInit) => {
      const signals = [own, signal].filter((one) => one != null)
      return fetch(to, { ...request, redirect: 'error', signal: AbortSignal.any(signals) })
    }
    const place = { node, journal, send }
    const session = token.sessionId === undefined ? token : await ofDeposit(place, token, preimage, state)
    if (!session) return undefined
    // Counted before it is closed, or they would have to be taken back one by one.
    const untold = state === 'open' ? await tellDeposits(place, session, preimageOf) : []
    const failure = untold.find((error) => !isOver(error))
    if (failure) throw failure
    const { amount, status } = await closeSession(place, session, preimage)
    return { ...about, now: 'closed', amount, returned: status }
  } catch (error) {
    signal?.throwIfAborted()
    return { ...about, now: 'failed', error: toStreamError(error) }
  } finally {
    await journal.releaseAgreement(id)
  }
}

/** @throws StreamError `payment-unknown` */
async function preimageOf({ status, preimage, paymentHash }: JournalPayment): Promise<string | undefined> {
  if (status === 'settled' || status === 'failed') return preimage
  throw new StreamError('payment-unknown', 'whether a further deposit was paid is not known yet', { paymentHash })
}

/**
 * The session of a deposit that was paid, and of which its own session was not told before it was closed. Every deposit can open one, so what it paid comes
 * back by the close of that. `undefined` while its own session is open, which it is told with, and where it was counted after all.
 */
async function ofDeposit(
  place: SessionPlace,
  { sessionId, ...deposit }: Token,
  preimage: string,
  state: JournalAgreement['state'],
): Promise<Token | undefined> {
  const { journal, node } = place
  const { id, amount } = deposit
  if (state === 'closed') return deposit.returnInvoice === undefined ? undefined : deposit
  const open = (await journal.agreements('open')).map(tokenOf)
  if (!open.some((one) => one?.id === id) || open.some((one) => isSession(one, sessionId))) return undefined
  try {
    await tellDeposit(place, { ...deposit, ...(sessionId !== undefined && { sessionId }) }, preimage)
    return undefined
  } catch (error) {
    if (!isOver(error)) throw error
  }
  const returnInvoice = deposit.returnInvoice ?? (await makeReturnInvoice(node))
  await journal.noteReturn(id, { invoice: returnInvoice, amount, status: 'asked' })
  return { ...deposit, returnInvoice }
}

const isOver = (error: unknown): boolean =>
  StreamError.is(error) && (error.code === 'session-closed' || error.code === 'session-unknown')

const isSession = (token: Token | undefined, paymentHash: string | undefined): boolean =>
  token !== undefined && token.sessionId === undefined && token.paymentHash === paymentHash

/** Why something prepaid stays open. */
export async function notClosable(
  journal: Journal,
  { id, scheme, sessionId, paymentHash }: Token,
): Promise<StreamError> {
  const details = { agreement: id }
  if (scheme !== 'session') {
    const what = scheme === 'l402' ? 'an L402 token' : 'a charge'
    return new StreamError(
      'agreement-final',
      `${what} is never closed or paid back: it stays good for what it bought`,
      details,
    )
  }
  if ((await journal.getPayment(paymentHash))?.preimage === undefined) {
    return new StreamError('payment-unknown', 'whether its deposit was paid is not known yet', {
      ...details,
      paymentHash,
    })
  }
  if (sessionId === undefined) return new StreamError('agreement-busy', `the session ${id} is in use`, details)
  return new StreamError('agreement-final', 'a further deposit is closed with the session that it is for', details)
}
