import type { IncomingMessage, ServerResponse } from 'node:http'
import { StreamError } from '../../errors/error.ts'
import { toNodeListener } from './node.ts'
import { failure } from './refusals.ts'
import { bodyOf, type WebHandler } from './request.ts'
import { send } from './send.ts'

/** What Express adds to a message of Node's that matters here. */
type ExpressRequest = IncomingMessage & { originalUrl?: string; body?: unknown }

/**
 * A handler as an Express route or middleware, with the promises of `toNodeListener`. It sees the whole URL, wherever it is mounted, and reads the
 * body itself: mount it before `express.json()` and its like. A body that was read already is refused with 500, and not sold as an empty one.
 * @example app.use('/model', toExpress(wall(handler)))
 */
export function toExpress(
  handler: WebHandler,
  onError: (error: unknown) => void = () => {},
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const listener = toNodeListener(handler, onError)
  return (incoming: ExpressRequest, outgoing) => {
    if (bodyOf(incoming) && (incoming.readableEnded || incoming.body !== undefined)) {
      const error = new StreamError(
        'option-invalid',
        'something read the body first: mount the wall before body parsers',
      )
      onError(error)
      void send(failure(new Error('the body was read before', { cause: error })), outgoing, false)
      return
    }
    // Below where a router is mounted its prefix is cut off; a buyer asked for the whole.
    if (incoming.originalUrl !== undefined) incoming.url = incoming.originalUrl
    listener(incoming, outgoing)
  }
}
