import { toFetch } from './fetch.ts'
import type { WebHandler } from './request.ts'

/** As much of a Hono context as is used. On Node, `env` holds the message that the request came in. */
export interface HonoLike {
  readonly req: { readonly raw: Request }
  readonly env?: unknown
}

/**
 * A handler as a Hono handler, on Node or wherever Hono runs.
 * @example app.all('/model/*', toHono(wall(handler)))
 */
export function toHono(
  handler: WebHandler,
  onError?: (error: unknown) => void,
): (context: HonoLike) => Promise<Response> {
  const fetch = toFetch(handler, (_request: Request, env: unknown) => peerOf(env), onError)
  return ({ req, env }) => fetch(req.raw, env)
}

function peerOf(env: unknown): string | undefined {
  const { incoming } = (env ?? {}) as { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress
}
