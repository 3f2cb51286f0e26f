import type { Challenge } from '../../wire/challenge.ts'
import { isDigestOf } from '../../wire/digest.ts'
import type { L402Challenge } from '../../wire/l402/header.ts'
import { type OwnSending, SEND, SENT } from './sending.ts'

/** The bytes of a request's body as it is sent each time; `undefined` where nobody here can know them before. */
async function bodyOf({ body, [SEND]: send, [SENT]: sent }: OwnSending): Promise<Uint8Array | undefined> {
  if (body === undefined || body === null) return send && sent !== 0n ? undefined : new Uint8Array(0)
  // A form gets another boundary each time that it is sent, and a stream can be read once.
  if (body instanceof FormData || body instanceof ReadableStream) return undefined
  return new Uint8Array(await new Response(body).arrayBuffer())
}

/**
 * Whether a challenge is good for this request's body: one with a `digest` is for that body alone (draft-httpauth-payment, "Optional Parameters").
 * `unknown` where the body, or the algorithm, is not known here.
 */
export async function fitsBody(
  challenge: Challenge | L402Challenge,
  request: RequestInit,
): Promise<boolean | 'unknown'> {
  if (!('id' in challenge) || challenge.digest === undefined) return true
  const body = await bodyOf(request)
  return (body && isDigestOf(challenge.digest, body)) ?? 'unknown'
}
