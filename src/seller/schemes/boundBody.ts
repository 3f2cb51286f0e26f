import { StreamError } from '../../errors/error.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { bodyDigest, isDigestOf } from '../../wire/digest.ts'
import { isGrpc } from '../../wire/grpc.ts'
import { addressOf, replay, toldAddress, withBody } from '../adapters/request.ts'
import type { Seller } from '../seller.ts'
import { checkEcho, isEcho } from './proof.ts'

/** A body up to here is read to bind a charge to it. */
const MAX_BODY = 64 << 10
/** All bodies that are read so at once, of all requests. */
const MAX_HELD = 16 << 20
/** Who sends a body slower than this pays for whatever it sends. */
const MAX_MS = 5000
let held = 0

/** What the body of a request is, where it is short and comes soon; `undefined` for any other. Nothing of it is left to read. */
async function shortBody(request: Request): Promise<Uint8Array[] | undefined> {
  const { body } = request
  if (!body || request.bodyUsed || body.locked) return undefined
  const reader = body.getReader()
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), MAX_MS)
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late.promise])
      if (read === 'late') break
      if (read.done) return chunks
      chunks.push(read.value)
      length += read.value.byteLength
      held += read.value.byteLength
      if (length > MAX_BODY || held > MAX_HELD) break
    }
    void reader.cancel().catch(() => {})
    return undefined
  } finally {
    clearTimeout(timer)
    held -= length
  }
}

/** Whether a request has a body that may be read before anything is paid: not one that waits to be asked for, or for answers (gRPC). */
function mayHaveBody({ method, headers }: Request): boolean {
  if (method === 'GET' || method === 'HEAD' || headers.has('expect') || isGrpc(headers.get('content-type')))
    return false
  const length = headers.get('content-length')
  return length === null || (length !== '0' && Number(length) <= MAX_BODY)
}

/**
 * The digest that a charge for this request is bound to (draft-httpauth-payment, "Request Body Digest Binding"); `undefined` for a request without a
 * body, and for one whose body is not read before it is paid for.
 */
export async function digestFor(request: Request): Promise<string | undefined> {
  const chunks = mayHaveBody(request) ? await shortBody(request).catch(() => undefined) : undefined
  return chunks && chunks.length > 0 ? bodyDigest(Buffer.concat(chunks)) : undefined
}

/**
 * Checks the echoed challenge of a charge, and that the body is the one that it is bound to. Some clients echo no `digest`: then the body itself says
 * what it was.
 * @returns the request, to be read from its beginning
 * @throws StreamError `challenge-invalid`
 */
export async function checkBound(seller: Seller, challenge: Challenge, request: Request): Promise<Request> {
  if (challenge.digest === undefined && isEcho(seller, challenge)) return request
  if (challenge.digest !== undefined) checkEcho(seller, challenge)
  const chunks = mayHaveBody(request) ? await shortBody(request) : []
  const body = chunks && Buffer.concat(chunks)
  if (challenge.digest === undefined) checkEcho(seller, body ? { ...challenge, digest: bodyDigest(body) } : challenge)
  else if (!body || isDigestOf(challenge.digest, body) !== true) {
    throw new StreamError('challenge-invalid', 'this challenge is for another body')
  }
  if (!chunks || chunks.length === 0) return request
  const again = withBody(request, replay(chunks))
  const address = addressOf(request)
  return address === undefined ? again : toldAddress(again, address)
}
