import { StreamError } from '../../errors/error.ts'
import { type Msat, msat, sat, ZERO } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { decodeSessionClosed } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { controlHeaders } from '../requests/ownHeaders.ts'
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

export interface SessionPlace extends Pick<Wallet, 'node' | 'journal'> {
  readonly send: (url: string, request: RequestInit) => Promise<Response>
  /** Of the requests that it pays for: see `controlHeaders`. None by default. */
  readonly headers?: RequestInit['headers']
  /** Told the `Payment-Receipt` of an answer. */
  readonly onReceipt?: (receipt: string) => void
}

/** Sends an action of a session that is answered by a little JSON. @throws StreamError of the seller, `seller-failed`, `seller-unreachable` */
export async function sessionAction(
  { send, headers: own, onReceipt }: Pick<SessionPlace, 'send' | 'headers' | 'onReceipt'>,
  token: Pick<Token, 'challenge' | 'url' | 'method'>,
  payload: object,
): Promise<unknown> {
  const headers = controlHeaders(own)
  headers.set(...credentialOf(token, payload, '', headers))
  const response = await send(token.url, { method: token.method === 'HEAD' ? 'GET' : token.method, headers })
  const body = await readJson(response)
  if (!response.ok) throw fromProblem(body) ?? sellerFailed(response.status)
  const receipt = response.headers.get('payment-receipt')
  if (receipt !== null) onReceipt?.(receipt)
  return body
}

/**
 * Closes a session and checks that what was left of it arrives. The return invoice is noted before the seller is asked; that it was paid is the word of the
 * buyer's own node. A seller that closed it by itself may have paid it already.
 * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`, `ledger-failed`
 */
export async function closeSession(place: SessionPlace, token: Token, preimage: string): Promise<Refund> {
  const { journal } = place
  const closing = { action: 'close', sessionId: token.paymentHash, preimage }
  const body = await sessionAction(place, token, closing).catch((error) => {
    const isOver = error instanceof StreamError && ['session-closed', 'session-unknown'].includes(error.code)
    if (!isOver) throw error
    return undefined
  })
  const closed = body === undefined ? undefined : decodeSessionClosed(body)
  const refund = await refundOf(place, token, closed?.refundSats, closed?.refundStatus === 'failed')
  await journal.closeAgreement(token.id, undefined)
  return refund
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
