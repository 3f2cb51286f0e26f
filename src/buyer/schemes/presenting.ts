import type { Challenge } from '../../wire/challenge.ts'
import { isGrpc } from '../../wire/grpc.ts'
import { L402_TOKEN_METADATA, toL402Metadata } from '../../wire/l402/header.ts'
import { decodeSessionRequest } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import { countedBody } from '../received/countedBody.ts'
import { readJson } from '../trade/control.ts'
import type { Held } from './held.ts'
import { freshChallenge, type SessionPlace, withReturnInvoice } from './session.ts'
import { credentialOf } from './token.ts'

/** A request that is paid for. */
export interface Asking {
  readonly url: string
  readonly request: RequestInit
  /** Its headers, where they were meant for this very origin. */
  readonly own: RequestInit['headers']
}

type Send = SessionPlace['send']

/** Sends a request with a token. @throws StreamError `seller-unreachable`; of a session `node-…`, `ledger-failed` and those of a further deposit */
export function present(place: SessionPlace, held: Held, asking: Asking): Promise<Response> {
  return held.token.scheme === 'session' ? useSession(place, held, asking) : show(place.send, held, asking, {})
}

/** @param payload what a credential of `Payment` says beside the preimage */
function show(send: Send, { token, preimage }: Held, { url, request }: Asking, payload: object): Promise<Response> {
  const headers = new Headers(request.headers)
  headers.set(...credentialOf(token, { ...payload, preimage }, preimage, headers))
  // Servers of gRPC may look for it there alone (L402, "gRPC Protocol Specification"). A token that the service itself asked for stays.
  const isCall = isGrpc(headers.get('content-type')) && !headers.has(L402_TOKEN_METADATA)
  if ('token' in token.challenge && isCall) {
    headers.set(L402_TOKEN_METADATA, toL402Metadata(token.challenge.token, preimage))
  }
  // The events of a session could not be taken out of what is compressed.
  if (token.scheme === 'session') headers.set('accept-encoding', 'identity')
  return send(url, { ...request, headers })
}

/** Opens the session by the first request, and shows it with those that follow. One that is empty gets a further deposit. */
async function useSession(place: SessionPlace, held: Held, asking: Asking): Promise<Response> {
  if (!held.wasGood) held.token = await withReturnInvoice(place, held.token)
  const { token, wasGood, before } = held
  const { paymentHash: sessionId, returnInvoice } = token
  const { amount: each } = decodeSessionRequest((token.challenge as Challenge).request)
  const shown = async (action: 'open' | 'bearer'): Promise<Response> => {
    const payload = action === 'open' ? { action, returnInvoice } : { action, sessionId }
    const answer = await show(place.send, held, asking, payload)
    const fresh = freshChallenge(answer, held.token.challenge)
    // What opens a session is bound to the invoice that was paid for it.
    const isAsGood = action === 'bearer' || fresh?.request.paymentHash === sessionId
    if (!fresh || !isAsGood || fresh.request.amount > each) return answer
    await answer.body?.cancel().catch(() => {})
    held.token = { ...token, challenge: fresh.challenge }
    const again = await show(place.send, held, asking, payload)
    if (again.status === 402) held.token = token
    return again
  }
  const response = await shown(wasGood ? 'bearer' : 'open')
  if (response.status !== 402) return response
  const body = await readJson(response.clone()).catch(() => undefined)
  const isEmpty = fromProblem(body)?.code === 'payment-insufficient'
  // Where the seller does not say that it is short it may as well be closed: another is safer than a deposit for this one.
  if (wasGood && !isEmpty) return response
  await response.body?.cancel().catch(() => {})
  // It may have been opened, and used up, by a run that was killed before it could note that. One that is paid for just now is not empty.
  if (isEmpty && (wasGood || before > 0n)) await held.account?.topUpNow()
  return shown('bearer')
}

/** An answer of which is told when it is whole, or its reader left. */
export function whileRead(response: Response, leave: () => void, signal: AbortSignal | null | undefined): Response {
  if (!response.body) return response
  const reading = {
    waiting() {},
    read() {},
    done: leave,
    cut(reason: unknown) {
      leave()
      return reason
    },
  }
  const body = countedBody(response.body, reading, signal ?? new AbortController().signal)
  return Object.defineProperty(new Response(body, response), 'url', { value: response.url })
}
