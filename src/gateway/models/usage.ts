import { withBody } from '../../seller/adapters/request.ts'
import type { PaidHandler } from '../../seller/paywall.ts'
import { askUsage, mayStreamTokens } from './askUsage.ts'
import { folded } from './folded.ts'

/** A longer body passes as it is: a bound on what is held to ask for the usage. */
const MAX_BODY_BYTES = 8 << 20
/** What servers answer that know no `stream_options`. */
const REFUSED = [400, 422]

/**
 * A model's server in front of which usage is asked for: streams of OpenAI's chat and completions then tell at their end how many tokens
 * they had, so that the count is right also where several tokens come in one event. A client that did not ask for it gets no
 * event more than it would have had. Any other request passes untouched, and a server that refuses the wish is asked without it.
 * @example wall(withUsage(proxyTo('http://127.0.0.1:8000')))
 */
export function withUsage(handler: PaidHandler): PaidHandler {
  const asking: PaidHandler = async (request, meter) => {
    if (!isReadable(request)) return handler(request, meter)
    const body = new Uint8Array(await request.arrayBuffer())
    const wish = askUsage(new TextDecoder().decode(body))
    if (wish === undefined) return handler(sending(request, body), meter)
    const response = await handler(sending(request, new TextEncoder().encode(wish)), meter)
    if (!REFUSED.includes(response.status)) return folded(response)
    await response.body?.cancel()
    return handler(sending(request, body), meter)
  }
  // What else the handler has, such as a way to let go of its connections, stays with it.
  return Object.assign(asking, handler)
}

function isReadable({ method, url, headers }: Request): boolean {
  const length = headers.get('content-length')
  return (
    mayStreamTokens(method, new URL(url).pathname, headers.get('content-type')) &&
    !headers.has('content-encoding') &&
    length !== null &&
    Number(length) <= MAX_BODY_BYTES
  )
}

function sending(request: Request, body: Uint8Array): Request {
  request.headers.set('content-length', `${body.byteLength}`)
  return withBody(request, streamOf(body))
}

const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        controller.enqueue(bytes)
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
