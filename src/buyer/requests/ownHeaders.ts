import { StreamError } from '../../errors/error.ts'
import { type Challenge, type CredentialHeader, headerFor, PAYMENT_AUTHORIZATION } from '../../wire/challenge.ts'
import type { L402Challenge } from '../../wire/l402/header.ts'

/** What was meant for one origin alone. */
export const PRIVATE_HEADERS = [
  'authorization',
  'payment-authorization',
  'proxy-authorization',
  'token',
  'cookie',
  'host',
]

/** What speaks of one connection, or of the one message that it stands in. */
const OF_ONE_REQUEST = [
  'connection',
  'expect',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'host',
  'idempotency-key',
  'keep-alive',
  'last-event-id',
  'payment-authorization',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
/** What describes a body that is not sent, or the answer that is wanted of the resource. */
const OF_A_BODY = /^(?:content|accept|if|sec-websocket)-|^(?:accept|digest)$/

/**
 * Of a request's own headers those that go with the control actions about it, to the same origin and path: who has to show a key at a seller's door
 * has to show it there too. They say who asks, and not what for.
 */
export function controlHeaders(own: RequestInit['headers']): Headers {
  const headers = new Headers(own)
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase())
  for (const name of [...headers.keys()]) {
    if (OF_ONE_REQUEST.includes(name) || named.includes(name) || OF_A_BODY.test(name)) headers.delete(name)
  }
  return headers
}

const hasOwn = ({ headers }: Pick<RequestInit, 'headers'>): boolean => new Headers(headers).has('authorization')

/** Whether a credential can go with a request: an `Authorization` of its own stays where it is. L402 knows no other header. */
export const hasRoom = (request: Pick<RequestInit, 'headers'>, challenge: Challenge | L402Challenge): boolean =>
  ('id' in challenge && headerFor(challenge) === PAYMENT_AUTHORIZATION) || !hasOwn(request)

/** The header that the credential goes into, beside those of a request for which there is room. */
export const headerBeside = (headers: Headers, challenge: Challenge): CredentialHeader =>
  headers.has('authorization') ? PAYMENT_AUTHORIZATION : headerFor(challenge)

export const noRoom = (url: string): StreamError =>
  new StreamError(
    'authorization-taken',
    `${new URL(url).origin} asks for the payment in the Authorization header, and this request has one of its own`,
  )

/** @throws StreamError `option-invalid` for a request that brings a payment already */
export function checkHeaders(headers: Headers): void {
  const own = headers.get('authorization')
  if ((own !== null && /^\s*(?:payment|l402|lsat)\s/i.test(own)) || headers.has(PAYMENT_AUTHORIZATION)) {
    throw new StreamError('option-invalid', 'this request brings a payment of its own, which is for the buyer to make')
  }
}

/** The request without what is meant for one origin alone, for another one. */
export function forElsewhere(request: RequestInit): RequestInit {
  const headers = new Headers(request.headers)
  for (const name of PRIVATE_HEADERS) headers.delete(name)
  return { ...request, headers }
}
