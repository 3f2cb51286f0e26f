import { StreamError, toStreamError } from '../../errors/error.ts'
import { costUp } from '../../money/price.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import type { Challenge } from '../../wire/challenge.ts'
import type { AnyCredential } from '../../wire/credential.ts'
import { encodeLightningReceipt, type LightningReceipt } from '../../wire/mpp/receipt.ts'
import {
  decodeSessionPayload,
  decodeSessionRequest,
  encodeSessionClosed,
  type OpenPayload,
  type SessionUsePayload,
  TOPPED_UP,
  type TopUpPayload,
} from '../../wire/mpp/session.ts'
import type { Account } from '../account.ts'
import { readResponse, takeReader } from '../adapters/response.ts'
import type { Delivery } from '../delivery.ts'
import type { Seller } from '../seller.ts'
import { withReceipt } from '../withReceipt.ts'
import { checkEcho, checkPreimage, isEcho, paidAccount } from './proof.ts'
import { quoteOf } from './quote.ts'
import type { Proven } from './remembered.ts'
import { checkPlace, serve, type Use } from './serve.ts'
import { SessionBody } from './sessionBody.ts'

/**
 * `session` (draft-lightning-session): a deposit that pays for many requests, and comes back in the end. Its terms are the agreement's own, whatever
 * challenge is echoed. `topUp` and `close` never serve anything, and every body of `open` and `bearer` is metered.
 * @throws StreamError
 */
export async function useSession(
  use: Use,
  { challenge, payload }: AnyCredential,
  remember: (proven: Proven) => void,
): Promise<Response> {
  const { seller } = use.host
  const action = decodeSessionPayload(payload)
  checkEcho(seller, challenge)
  switch (action.action) {
    case 'open':
      return open(use, challenge, action)
    case 'bearer': {
      const account = await sessionOf(seller, action)
      checkPlace(use.host, account)
      const proven = { account, reference: action.sessionId, challengeId: challenge.id }
      remember(proven)
      return useProvenSession(use, proven)
    }
    case 'topUp':
      return topUp(seller, challenge, action)
    case 'close':
      return close(seller, challenge, action)
  }
}

async function open(use: Use, challenge: Challenge, { preimage, returnInvoice }: OpenPayload): Promise<Response> {
  const { seller } = use.host
  const { paymentHash } = decodeSessionRequest(challenge.request)
  const account = await paidAccount(seller, paymentHash, preimage, challenge)
  checkPlace(use.host, account)
  if (account.claim?.scheme === 'offered') {
    checkReturnInvoice(seller, account, returnInvoice)
    await seller.accounts.claim(account, { scheme: 'session', reference: returnInvoice })
  }
  // Shown again, as after an answer that was lost, it is a bearer: what it serves is metered all the same.
  return useProvenSession(use, { account: openSession(account), reference: paymentHash, challengeId: challenge.id })
}

/** @throws StreamError `return-invalid` */
function checkReturnInvoice(seller: Seller, { agreement }: Account, text: string): void {
  const refuse = (why: string) => new StreamError('return-invalid', `a return invoice ${why}`)
  const { amount, network, expiresAtMs, payee } = (() => {
    try {
      return decodeInvoice(text)
    } catch (error) {
      throw refuse(`is BOLT 11: ${toStreamError(error).message}`)
    }
  })()
  if (amount !== undefined && amount > 0n) throw refuse('names no amount')
  if (network !== agreement.network) throw refuse(`is on ${agreement.network}`)
  if (payee === agreement.payee) throw refuse("is the buyer's own, and not the seller's")
  if (expiresAtMs <= Date.now() + seller.sessions.idleMs) throw refuse('lives longer than a session may idle')
}

/** @throws StreamError `session-closed`, `challenge-invalid` if the payment serves another scheme */
function openSession(account: Account): Account {
  if (account.claim?.scheme !== 'session') throw new StreamError('challenge-invalid', 'this payment was used already')
  if (account.closed) throw new StreamError('session-closed', 'this session is closed')
  return account
}

/** The session that a preimage opens. @throws StreamError `preimage-invalid`, `session-unknown`, `session-closed` */
async function sessionOf(seller: Seller, { sessionId, preimage }: Omit<SessionUsePayload, 'action'>): Promise<Account> {
  checkPreimage(sessionId, preimage)
  return openSession(await known(seller, sessionId))
}

async function known(seller: Seller, sessionId: string): Promise<Account> {
  const account = await seller.accounts.offered(sessionId)
  if (account?.claim?.scheme !== 'session') throw new StreamError('session-unknown', 'no session has this id')
  return account
}

/** The scope of a session, for who has to find its wall; `undefined` where none has this id. Nothing is read for a challenge that is not ours. */
export async function scopeOfSession(
  seller: Seller,
  challenge: Challenge,
  sessionId: string,
): Promise<string | undefined> {
  if (!isEcho(seller, challenge)) return undefined
  const account = await seller.accounts.offered(sessionId)
  return account?.claim?.scheme === 'session' ? account.agreement.scope : undefined
}

/** @throws StreamError `session-closed`, `payment-insufficient` */
export function useProvenSession(
  use: Use,
  { account, reference: sessionId, challengeId = '' }: Proven,
): Promise<Response> {
  const { host } = use
  openSession(account)
  host.seller.sessions.used(account)
  return serve(use, account, {
    receipt: { reference: sessionId, challengeId },
    graceMs: host.holdMs(),
    onEnd: () => host.seller.sessions.used(account),
    wrap: (response, delivery) => withEvents(response, account, sessionId, delivery),
  })
}

const isEvents = (headers: Headers): boolean => /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')

/** Other bodies than events wait for a top-up as they are, and are cut where none comes. */
function withEvents(response: Response, account: Account, sessionId: string, delivery: Delivery): Response {
  const source = isEvents(response.headers) ? takeReader(response) : null
  if (!source) return response
  const { status, statusText, headers } = response
  // It grows by our events.
  headers.delete('content-length')
  const body = new SessionBody(source, { account, sessionId, used: () => usedBy(account, delivery) })
  return readResponse(body, { status, statusText, headers })
}

/** In the whole sats that a session counts in, rounded up as one total. */
function usedBy({ agreement: { price } }: Account, { steps }: Delivery) {
  const cost = costUp(price, steps)
  const { unitAmount } = quoteOf(price, [], undefined)
  return { spentSats: (cost + 999n) / 1000n, units: (cost + unitAmount - 1n) / unitAmount }
}

async function topUp(seller: Seller, challenge: Challenge, payload: TopUpPayload): Promise<Response> {
  const { sessionId, topUpPreimage } = payload
  const session = await known(seller, sessionId)
  const { paymentHash } = decodeSessionRequest(challenge.request)
  const from = await paidAccount(seller, paymentHash, topUpPreimage, challenge)
  // Repeated with the same session it is told again, and counted once: also when that is closed, for who lost the answer.
  if (!(await seller.accounts.topUp(from, session))) {
    openSession(session)
    throw new StreamError('challenge-invalid', 'this payment was used already')
  }
  if (!session.closed) seller.sessions.used(session)
  return answer(TOPPED_UP, { reference: sessionId, challengeId: challenge.id })
}

async function close(seller: Seller, challenge: Challenge, payload: SessionUsePayload): Promise<Response> {
  const { sessionId, preimage } = payload
  checkPreimage(sessionId, preimage)
  // Of one that is closed, too: an answer that was lost is given again, with what became of the refund meanwhile.
  const closed = await seller.sessions.close(await known(seller, sessionId))
  return answer(encodeSessionClosed(closed), { reference: sessionId, challengeId: challenge.id, closed })
}

function answer(body: object, receipt: Omit<LightningReceipt, 'timestampMs'>): Response {
  const response = new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } })
  return withReceipt(response, encodeLightningReceipt({ ...receipt, timestampMs: Date.now() }))
}
