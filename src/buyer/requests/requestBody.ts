import { unlessAborted } from '../../errors/aborted.ts'
import { StreamError } from '../../errors/error.ts'
import { checkHeaders } from './ownHeaders.ts'
import { type OwnSending, SEND, SENT } from './sending.ts'

const SMALL_FORM = 1 << 20
/** A request body that must be sent twice is held up to here. */
const MAX_HELD_BODY = 64 << 20

/** A form that is better sent as its bytes: by itself it has another boundary each time, and is another body to whoever hashes it. */
export const isSmallForm = (body: unknown): body is FormData =>
  body instanceof FormData &&
  [...body.values()].reduce((sum, value) => sum + (typeof value === 'string' ? value.length : value.size), 0) <=
    SMALL_FORM

/** A request as it was asked for, and the bytes of its body. */
export interface Measured {
  readonly request: RequestInit
  readonly sent: bigint
}

/**
 * Makes bytes of a request's body, where those are sold: of a form, say, nobody else knows how many it has.
 * @throws StreamError `request-refused` for a body that brings its own way to be sent, and not its length
 */
export async function measured(init: RequestInit): Promise<Measured> {
  if (init.body === undefined || init.body === null) return { request: init, sent: lengthSent(init) }
  const whole = new Response(init.body)
  const body = new Uint8Array(await whole.arrayBuffer())
  const headers = new Headers(init.headers)
  const type = whole.headers.get('content-type')
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  return { request: { ...init, headers, body }, sent: BigInt(body.byteLength) }
}

function lengthSent({ [SEND]: send, [SENT]: sent, method = 'GET' }: OwnSending): bigint {
  if (!send || sent !== undefined) return sent ?? 0n
  if (method === 'GET' || method === 'HEAD') return 0n
  throw new StreamError('request-refused', 'what is uploaded is charged here, and this body does not tell its length')
}

/** A request whose body can be sent again after a 402. @throws StreamError `option-invalid` for one that is too long to be held, as `checkHeaders` */
export async function repeatable(
  input: string | URL | Request,
  init: RequestInit,
): Promise<{ url: string; request: RequestInit }> {
  if (!(input instanceof Request) && !(init.body instanceof ReadableStream) && !isSmallForm(init.body)) {
    checkHeaders(new Headers(init.headers))
    return { url: new URL(input).href, request: init }
  }
  const request = new Request(
    input,
    init.body instanceof ReadableStream ? ({ duplex: 'half', ...init } as RequestInit) : init,
  )
  checkHeaders(request.headers)
  const body = request.body ? new Uint8Array(await unlessAborted(request.arrayBuffer(), request.signal)) : undefined
  if (body && body.byteLength > MAX_HELD_BODY) {
    throw new StreamError(
      'option-invalid',
      `a request body over ${MAX_HELD_BODY} bytes cannot be sent again after a 402`,
    )
  }
  const { method, headers, signal, redirect } = request
  return { url: request.url, request: { method, headers, signal, redirect, ...(body && { body }) } }
}
