import { StreamError } from '../../errors/error.ts'
import { pause } from '../../lightning/pause.ts'
import { type Challenge, INTENT, METHOD } from '../../wire/challenge.ts'
import { formatCredential } from '../../wire/credential.ts'
import { parseChallenges } from '../../wire/header.ts'
import type { Payload } from '../../wire/payload.ts'
import { fromProblem } from '../../wire/problem.ts'
import { controlHeaders, headerBeside } from '../requests/ownHeaders.ts'

/** Where control actions go: the resource's own URL and method (spec section 3). */
export interface Endpoint {
  readonly url: string
  readonly method: string
  readonly fetch: typeof globalThis.fetch
  /** Of the request's own, such as a key that the seller asks for before its wall: see `controlHeaders`. */
  readonly headers?: RequestInit['headers'] | undefined
  /** For one attempt; an action takes at most twice this in all. */
  readonly timeoutMs: number
  /** Ends what is being asked. The seller may have acted on it. */
  readonly signal?: AbortSignal | undefined
}

/** The most of an answer that is read: a bound on what a seller can make a buyer hold. */
const MAX_ANSWER_BYTES = 256 * 1024
/** Pauses before an action is sent again, in ms. */
const PAUSES_MS = [200, 600, 1800]
/** What a proxy says when the seller behind it did not answer. */
const GATEWAY_STATUS = [502, 503, 504]

/** The actions of which a second one changes nothing (spec section 3). */
export type Repeatable = Extract<Payload, { action: 'accept' | 'invoices' | 'close' | 'return' }>

/**
 * Sends a control action and reads its JSON. An answer that got lost may have been to an action that took effect, so the very
 * same action is sent again, up to three times; so is one that came too soon (429), when `Retry-After` has passed.
 * @throws StreamError the seller's own problem, `seller-unreachable` or `seller-failed`
 */
export async function control(endpoint: Endpoint, challenge: Challenge, payload: Repeatable): Promise<unknown> {
  const { response, body } = await exchange(endpoint, challenge, payload)
  if (!response.ok) throw fromProblem(body) ?? sellerFailed(response.status)
  return body
}

/** As `control`, for an acceptance: a fresh 402 is the seller's counter-offer, or its refusal. */
export async function sendAcceptance(
  endpoint: Endpoint,
  challenge: Challenge,
  payload: Repeatable,
): Promise<
  { readonly agreement: unknown } | { readonly challenge: Challenge | undefined; readonly error: StreamError }
> {
  const { response, body } = await exchange(endpoint, challenge, payload)
  if (response.ok) return { agreement: body }
  return { challenge: streamChallenge(response), error: fromProblem(body) ?? sellerFailed(response.status) }
}

interface Answer {
  readonly response: Response
  readonly body: unknown
}

/** One whole answer of the seller's. @throws StreamError `seller-unreachable`, `seller-failed`; the reason of the endpoint's signal */
export async function exchange(endpoint: Endpoint, challenge: Challenge, payload: Repeatable): Promise<Answer> {
  const untilMs = performance.now() + 2 * endpoint.timeoutMs
  for (let attempt = 0; ; attempt++) {
    const timeoutMs = Math.max(1, Math.ceil(Math.min(endpoint.timeoutMs, untilMs - performance.now())))
    const answer = await tryOnce({ ...endpoint, timeoutMs }, challenge, payload)
    const askedMs = answer instanceof StreamError ? undefined : askedPauseMs(answer)
    const pauseMs = Math.max(askedMs ?? 0, PAUSES_MS[attempt] ?? Number.POSITIVE_INFINITY)
    const last = performance.now() + pauseMs >= untilMs
    if (answer instanceof StreamError) {
      if (last || answer.code !== 'seller-unreachable') throw answer
    } else if (last || (askedMs === undefined && !isGateways(answer))) return answer
    // Not all buyers that lost their answers at the same moment come back at the same moment.
    await pause(pauseMs * (1 + Math.random() / 2), endpoint.signal)
    endpoint.signal?.throwIfAborted()
  }
}

async function tryOnce(endpoint: Endpoint, challenge: Challenge, payload: Repeatable): Promise<Answer | StreamError> {
  try {
    const response = await send(endpoint, challenge, payload)
    return { response, body: await readJson(response) }
  } catch (error) {
    endpoint.signal?.throwIfAborted()
    return unreachable(endpoint.url, error)
  }
}

/** How long a seller that has too much to do asks to be left alone, in ms; at least as long is waited. */
function askedPauseMs({ response }: Answer): number | undefined {
  const seconds = response.headers.get('retry-after') ?? ''
  return response.status === 429 && /^\d{1,5}$/.test(seconds) ? Number(seconds) * 1000 : undefined
}

const isGateways = ({ response, body }: Answer): boolean =>
  GATEWAY_STATUS.includes(response.status) && fromProblem(body) === undefined

/** Sends a payload and hands back the response unread. @throws StreamError `seller-unreachable` */
export async function send(
  endpoint: Endpoint,
  challenge: Challenge,
  payload: Payload,
  signal?: AbortSignal,
): Promise<Response> {
  const headers = controlHeaders(endpoint.headers)
  headers.set(headerBeside(headers, challenge), formatCredential({ challenge, payload }))
  headers.set('accept-encoding', 'identity')
  const limit = signal ?? AbortSignal.timeout(endpoint.timeoutMs)
  try {
    return await endpoint.fetch(endpoint.url, {
      method: endpoint.method === 'HEAD' ? 'GET' : endpoint.method,
      headers,
      redirect: 'error',
      signal: endpoint.signal ? AbortSignal.any([endpoint.signal, limit]) : limit,
    })
  } catch (error) {
    endpoint.signal?.throwIfAborted()
    throw unreachable(endpoint.url, error)
  }
}

/** The `stream` challenge of a 402, if it has one. @throws StreamError `challenge-malformed` */
export function streamChallenge(response: Response): Challenge | undefined {
  const header = response.headers.get('www-authenticate')
  if (response.status !== 402 || header === null) return undefined
  return parseChallenges(header).find(({ method, intent }) => method === METHOD && intent === INTENT)
}

export function unreachable(url: string, error: unknown): StreamError {
  if (error instanceof StreamError) return error
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new StreamError('seller-unreachable', `${new URL(url).origin} does not answer: ${detail}`, {}, error)
}

export const sellerFailed = (status: number): StreamError =>
  new StreamError('seller-failed', `the seller answered ${status}`, { status: `${status}` })

/** Reads a small JSON body; `undefined` for anything else. */
export async function readJson(response: Response): Promise<unknown> {
  const text = await readText(response, MAX_ANSWER_BYTES)
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  if (!response.body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > maxBytes) {
      await reader.cancel()
      throw new StreamError('seller-failed', `the seller's answer exceeds ${maxBytes} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}
