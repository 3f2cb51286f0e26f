import { StreamError } from '../errors/error.ts'
import { type Challenge, INTENT, METHOD } from '../wire/challenge.ts'
import { formatCredential } from '../wire/credential.ts'
import { parseChallenges } from '../wire/header.ts'
import type { Payload } from '../wire/payload.ts'
import { fromProblem } from '../wire/problem.ts'

/** Where control actions go: the resource's own URL and method (spec section 3). */
export interface Endpoint {
  readonly url: string
  readonly method: string
  readonly fetch: typeof globalThis.fetch
  readonly timeoutMs: number
}

/** The most of an answer that is read: a bound on what a seller can make a buyer hold. */
const MAX_ANSWER_BYTES = 256 * 1024

/**
 * Sends a control action and reads its JSON.
 * @throws StreamError the seller's own problem, `seller-unreachable` or `seller-failed`
 */
export async function control(endpoint: Endpoint, challenge: Challenge, payload: Payload): Promise<unknown> {
  const response = await send(endpoint, challenge, payload)
  const body = await readJson(response)
  if (!response.ok) throw fromProblem(body) ?? sellerFailed(response.status)
  return body
}

/** As `control`, for an acceptance: a fresh 402 is the seller's counter-offer, or its refusal. */
export async function sendAcceptance(
  endpoint: Endpoint,
  challenge: Challenge,
  payload: Payload,
): Promise<
  { readonly agreement: unknown } | { readonly challenge: Challenge | undefined; readonly error: StreamError }
> {
  const response = await send(endpoint, challenge, payload)
  const body = await readJson(response)
  if (response.ok) return { agreement: body }
  return { challenge: streamChallenge(response), error: fromProblem(body) ?? sellerFailed(response.status) }
}

/** Sends a payload and hands back the response unread. @throws StreamError `seller-unreachable` */
export async function send(
  endpoint: Endpoint,
  challenge: Challenge,
  payload: Payload,
  signal?: AbortSignal,
): Promise<Response> {
  const headers = { authorization: formatCredential({ challenge, payload }), 'accept-encoding': 'identity' }
  try {
    return await endpoint.fetch(endpoint.url, {
      method: endpoint.method === 'HEAD' ? 'GET' : endpoint.method,
      headers,
      redirect: 'error',
      signal: signal ?? AbortSignal.timeout(endpoint.timeoutMs),
    })
  } catch (error) {
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

const sellerFailed = (status: number): StreamError =>
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
