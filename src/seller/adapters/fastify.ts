import type { IncomingMessage, ServerResponse } from 'node:http'
import { toNodeListener } from './node.ts'
import type { WebHandler } from './request.ts'

/** As much of a Fastify instance as is used: every version 5 is one. */
export interface FastifyLike {
  removeAllContentTypeParsers(): void
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown
  all(
    path: string,
    handler: (
      request: { readonly raw: IncomingMessage },
      reply: { hijack(): unknown; readonly raw: ServerResponse },
    ) => void,
  ): unknown
}

/**
 * A handler as a Fastify plugin that answers everything below its prefix, with the promises of `toNodeListener`. Within it no body is parsed: the handler
 * reads it. Hooks of the server still run before; what replies later, such as compression, does not see these answers.
 * @example app.register(toFastify(wall(handler)), { prefix: '/model' })
 */
export function toFastify(
  handler: WebHandler,
  onError?: (error: unknown) => void,
): (instance: FastifyLike, options: unknown, done: () => void) => void {
  const listener = toNodeListener(handler, onError)
  return (instance, _options, done) => {
    instance.removeAllContentTypeParsers()
    instance.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null))
    const answer = ({ raw }: { raw: IncomingMessage }, reply: { hijack(): unknown; raw: ServerResponse }) => {
      reply.hijack()
      listener(raw, reply.raw)
    }
    instance.all('/', answer)
    instance.all('/*', answer)
    done()
  }
}
