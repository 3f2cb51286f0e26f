import { StreamError } from '../../errors/error.ts'
import { type Msat, msat, sat, ZERO } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { isExpired } from '../../wire/challenge.ts'
import { type PaymentOption, readChallenges } from '../../wire/challenges.ts'
import { decodeLightningReceipt } from '../../wire/mpp/receipt.ts'
import { decodeSessionClosed, type SessionClosed } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { readJson, sellerFailed } from '../trade/control.ts'
import { credentialOf, type Token } from './token.ts'

/** How long a return invoice lives: the draft asks for 30 days, so that a session that idles can still be paid back. */
export const RETURN_LIFE_SECONDS = 30 * 24 * 3600
const REFUND_MS = 15_000
const LOOK_PAUSE_MS = 250

/** What became of what a session had left. */
export interface Refund {
  readonly amount: Msat
  /** By the buyer's own node. `pending`: it has not arrived yet; `nothing`: nothing was left; `failed`: the seller says it could not pay, and keeps it. */
  readonly status: 'settled' | 'pending' | 'nothing' | 'failed'
}

type SessionOption = Extract<PaymentOption, { scheme: 'session' }>

export interface SessionPlace extends Pick<Wallet, 'node' | 'journal'> {
  readonly send: (url: string, request: RequestInit) => Promise<Response>
}

/**
 * Sends an action of a session, and returns the answer unread: some servers hand the request on to what they sell and answer with that.
 * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`
 */
export async function sessionAction(
  { send }: Pick<SessionPlace, 'send'>,
  token: Pick<Token, 'challenge' | 'url' | 'method'>,
  payload: { readonly action: 'topUp' | 'close' },
): Promise<Response> {
  const method = token.method === 'HEAD' ? 'GET' : token.method
  const show = (challenge: Token['challenge']): Promise<Response> => {
    const headers = new Headers([credentialOf({ challenge }, payload, '')])
    return send(token.url, { method, headers })
  }
  let response = await show(token.challenge)
  // What proves a further deposit is bound to the challenge that asked for it.
  const fresh = payload.action === 'close' ? freshChallenge(response, token.challenge)?.challenge : undefined
  if (fresh) {
    await response.body?.cancel().catch(() => {})
    response = await show(fresh)
  }
  if (!response.ok) throw fromProblem(await readJson(response)) ?? sellerFailed(response.status)
  return response
}

/**
 * A session's credential may name any challenge of its server's, and some servers take none that has expired: their refusal offers another. `undefined` where
 * another would not help.
 */
export function freshChallenge(refused: Response, before: Token['challenge']): SessionOption | undefined {
  if (refused.status !== 402 || !('id' in before) || !isExpired(before, Date.now())) return undefined
  const { options } = readChallenges(refused.headers.get('www-authenticate') ?? '')
  return options.find((option): option is SessionOption => option.scheme === 'session')
}

/**
 * Closes a session and checks that what was left of it arrives. The return invoice is noted before the seller is asked; that it was paid is the word of the
 * buyer's own node. A seller that closed it by itself may have paid it already.
 * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`, `ledger-failed`
 */
export async function closeSession(place: SessionPlace, token: Token, preimage: string): Promise<Refund> {
  const { journal } = place
  const closing = { action: 'close', sessionId: token.paymentHash, preimage } as const
  const answer = await sessionAction(place, token, closing).catch((error) => {
    const isOver = error instanceof StreamError && ['session-closed', 'session-unknown'].includes(error.code)
    if (!isOver) throw error
    return undefined
  })
  const closed = answer && (await closedOf(answer))
  const refund = await refundOf(place, token, closed?.refundSats, closed?.refundStatus === 'failed')
  await journal.closeAgreement(token.id, undefined)
  return refund
}

/** What the seller says it pays back: in the body as the draft has it, or in the receipt alone. @throws StreamError `seller-failed` if it says nothing */
async function closedOf(answer: Response): Promise<SessionClosed> {
  const isJson = /^application\/json\b/i.test(answer.headers.get('content-type') ?? '')
  const body = isJson ? await readJson(answer).catch(() => undefined) : await answer.body?.cancel().catch(() => {})
  try {
    return decodeSessionClosed(body)
  } catch (error) {
    const receipt = answer.headers.get('payment-receipt')
    const closed = receipt === null ? undefined : decodeLightningReceipt(receipt).closed
    if (!closed) throw error
    return closed
  }
}

/** @param stated what the seller says it pays back, in sats; `undefined` if it closed the session by itself and says nothing */
async function refundOf(
  place: SessionPlace,
  token: Token,
  stated: bigint | undefined,
  hasFailed: boolean,
): Promise<Refund> {
  const { node, journal } = place
  const { id, returnInvoice } = token
  if (returnInvoice === undefined || stated === 0n) return { amount: ZERO, status: 'nothing' }
  const { paymentHash } = decodeInvoice(returnInvoice)
  const expected = stated === undefined ? ZERO : sat(stated)
  if (expected > 0n) await journal.noteReturn(id, { invoice: returnInvoice, amount: expected, status: 'asked' })
  // The seller's word that it failed does not undo what arrived, so it is looked at all the same, once.
  for (const untilMs = performance.now() + (hasFailed || stated === undefined ? 0 : REFUND_MS); ; ) {
    const arrived = await node.lookupInvoice(paymentHash)
    if (arrived !== undefined) {
      await journal.noteReturn(id, {
        invoice: returnInvoice,
        amount: expected > 0n ? expected : msat(arrived),
        status: 'settled',
      })
      return { amount: msat(arrived), status: 'settled' }
    }
    if (performance.now() >= untilMs) break
    await new Promise((done) => setTimeout(done, LOOK_PAUSE_MS))
  }
  return { amount: expected, status: expected === 0n ? 'nothing' : hasFailed ? 'failed' : 'pending' }
}
