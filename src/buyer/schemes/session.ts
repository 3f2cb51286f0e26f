import { StreamError } from '../../errors/error.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { type Msat, sat, ZERO } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { isExpired } from '../../wire/challenge.ts'
import { type PaymentOption, readChallenges } from '../../wire/challenges.ts'
import { decodeLightningReceipt } from '../../wire/mpp/receipt.ts'
import { decodeSessionClosed, type SessionClosed } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { controlHeaders } from '../requests/ownHeaders.ts'
import { readJson, sellerFailed, unreachable } from '../trade/control.ts'
import { credentialOf, type Token, wasAnswered } from './token.ts'

/** How long a return invoice lives: the draft asks for 30 days, so that a session that idles can still be paid back. */
const RETURN_LIFE_SECONDS = 30 * 24 * 3600
/** How long an action may take: a seller pays a refund before it answers a close. */
const ACTION_MS = 30_000
/** A source that takes its time with an answer that nobody wants is not paid for long. */
const OPEN_MS = 5000
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
  /** Of the requests that it pays for: see `controlHeaders`. None by default. */
  readonly headers?: RequestInit['headers']
  /** Told the `Payment-Receipt` of an answer. */
  readonly onReceipt?: (receipt: string) => void
}

/** Where a session's rest is paid to: an invoice that leaves the amount to the seller. @throws StreamError `node-…` */
export async function makeReturnInvoice(node: Pick<LightningNode, 'createInvoices'>): Promise<string> {
  const asked = { amount: 'any', description: 'return', expiresInSeconds: RETURN_LIFE_SECONDS } as const
  const [invoice] = await node.createInvoices([asked])
  return invoice!.request
}

/** A session with its return invoice, which is in the journal before the seller hears of it. @throws StreamError `node-…`, `ledger-failed` */
export async function withReturnInvoice(
  { node, journal }: Pick<SessionPlace, 'node' | 'journal'>,
  token: Token,
): Promise<Token> {
  if (token.returnInvoice !== undefined) return token
  const returnInvoice = await makeReturnInvoice(node)
  await journal.noteReturn(token.id, { invoice: returnInvoice, amount: ZERO, status: 'asked' })
  return { ...token, returnInvoice }
}

/**
 * Sends an action of a session, and returns the answer unread: some servers hand the request on to what they sell and answer with that.
 * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`
 */
export async function sessionAction(
  { send, headers: own, onReceipt }: Pick<SessionPlace, 'send' | 'headers' | 'onReceipt'>,
  token: Pick<Token, 'challenge' | 'url' | 'method'>,
  payload: { readonly action: 'topUp' | 'close' },
): Promise<Response> {
  const method = token.method === 'HEAD' ? 'GET' : token.method
  const signal = AbortSignal.timeout(ACTION_MS)
  const show = (challenge: Token['challenge']): Promise<Response> => {
    const headers = controlHeaders(own)
    headers.set(...credentialOf({ challenge }, payload, '', headers))
    return send(token.url, { method, headers, signal })
  }
  try {
    let response = await show(token.challenge)
    // What proves a further deposit is bound to the challenge that asked for it.
    const fresh = payload.action === 'close' ? freshChallenge(response, token.challenge)?.challenge : undefined
    if (fresh) {
      await response.body?.cancel().catch(() => {})
      response = await show(fresh)
    }
    if (!response.ok) throw fromProblem(await readJson(response)) ?? sellerFailed(response.status)
    const receipt = response.headers.get('payment-receipt')
    if (receipt !== null) onReceipt?.(receipt)
    return response
  } catch (error) {
    throw unreachable(token.url, error)
  }
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
 * Closes a session and checks that what was left of it arrives. The return invoice is in the journal before the seller is asked; that it was paid is the word
 * of the buyer's own node. A seller that closed it by itself may have paid it already.
 * @throws StreamError of the seller, `paid-refused`, `seller-failed`, `seller-unreachable`, `ledger-failed`; then it stays open
 */
export async function closeSession(place: SessionPlace, paid: Token, preimage: string): Promise<Refund> {
  // One that was paid for and not opened may have none yet.
  const token = await withReturnInvoice(place, paid)
  const refund = await refundOf(place, token, await end(place, token, preimage))
  await place.journal.closeAgreement(token.id, undefined)
  return refund
}

/** What the seller says of the end of a session; `undefined` if it ended it before, and says nothing. */
async function end(place: SessionPlace, token: Token, preimage: string): Promise<SessionClosed | undefined> {
  const payload = { action: 'close', sessionId: token.paymentHash, preimage } as const
  const close = async () => closedOf(await sessionAction(place, token, payload))
  try {
    return await close()
  } catch (error) {
    const code = error instanceof StreamError ? error.code : undefined
    if (code === 'session-closed') return undefined
    if (code !== 'session-unknown') throw error
    const entry = await place.journal.getAgreement(token.id)
    if ((entry && wasAnswered(entry)) || (await arrived(place, token)) !== undefined) return undefined
  }
  // It was paid for and never opened, as far as anybody knows: the seller was not told where the rest goes.
  await open(place, token, preimage)
  return close()
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

/** Opens a session and takes nothing of what it serves: HEAD asks for no more than whether it would. Whether it did, its close shows. */
async function open({ send, headers: own }: SessionPlace, token: Token, preimage: string): Promise<void> {
  const { url, paymentHash, returnInvoice } = token
  const headers = controlHeaders(own)
  headers.set(...credentialOf(token, { action: 'open', preimage, returnInvoice }, '', headers))
  const asked = { method: 'HEAD', headers, signal: AbortSignal.timeout(OPEN_MS) }
  const response = await send(url, asked).catch(() => undefined)
  if (response?.status !== 402) return
  const message = `${new URL(url).origin} was paid for a session, does not open it, and so pays nothing back`
  throw new StreamError('paid-refused', message, { paymentHash })
}

/** What was paid to the return invoice, by the buyer's own node. */
async function arrived({ node }: SessionPlace, { returnInvoice }: Token): Promise<Msat | undefined> {
  return returnInvoice === undefined ? undefined : node.lookupInvoice(decodeInvoice(returnInvoice).paymentHash)
}

async function refundOf(place: SessionPlace, token: Token, closed: SessionClosed | undefined): Promise<Refund> {
  const { journal } = place
  const { id, returnInvoice: invoice } = token
  if (invoice === undefined || closed?.refundSats === 0n) return { amount: ZERO, status: 'nothing' }
  const asked = (await journal.getAgreement(id))?.returns.find((one) => one.invoice === invoice)
  // A seller that says nothing may have said before what it owes.
  const expected = closed ? sat(closed.refundSats) : (asked?.amount ?? ZERO)
  const hasFailed = closed?.refundStatus === 'failed' && closed.pending !== true
  const isExpected = closed !== undefined && closed.refundStatus !== 'failed'
  if (expected > 0n) await journal.noteReturn(id, { invoice, amount: expected, status: 'asked' })
  // The seller's word that it failed, or takes longer, does not undo what arrived: so it is looked at all the same, once.
  for (const untilMs = performance.now() + (isExpected ? REFUND_MS : 0); ; ) {
    const amount = await arrived(place, token)
    if (amount !== undefined) {
      await journal.noteReturn(id, { invoice, amount, status: 'settled' })
      return { amount, status: 'settled' }
    }
    if (performance.now() >= untilMs) break
    await new Promise((done) => setTimeout(done, LOOK_PAUSE_MS))
  }
  if (expected === 0n) return { amount: ZERO, status: 'nothing' }
  if (!hasFailed) return { amount: expected, status: 'pending' }
  await journal.noteReturn(id, { invoice, amount: expected, status: 'failed' })
  return { amount: expected, status: 'failed' }
}
