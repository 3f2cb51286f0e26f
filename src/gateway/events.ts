import type { StreamError } from '../errors/error.ts'
import { type BodyReader, readResponse, takeReader } from '../seller/adapters/response.ts'
import type { SellerEvent } from '../seller/seller.ts'
import { routeOfScope } from './names.ts'
import type { PayoutEvent } from './split/payouts.ts'

/** What happens at a gateway, for panels, logs, metrics and webhooks. Nothing secret is in it. */
export type GatewayEvent = Happening & { readonly atMs: number }

/** What happens, before it is told when. */
export type Happening = (SellerEvent & { readonly route?: string }) | RequestEvent | ReloadEvent | PayoutEvent

/** A seller's event with the route that it is about, by the scope of its agreement. */
export const withRoute = (event: SellerEvent): Happening =>
  'account' in event ? { ...event, route: routeOfScope(event.account.agreement.scope) } : event

/** A request was answered, and its body is over. */
export interface RequestEvent {
  readonly type: 'request'
  /** `undefined` where no route fits. */
  readonly route: string | undefined
  readonly status: number
  /** From its head to the end of its answer. */
  readonly ms: number
  /** Of the answer's body. */
  readonly bytes: number
}

export type ReloadEvent =
  /** `ignored`: members that changed and take a new start. */
  | { readonly type: 'reloaded'; readonly routes: readonly string[]; readonly ignored: readonly string[] }
  /** The old configuration stays. */
  | { readonly type: 'reload-failed'; readonly error: StreamError }

/** Calls `onEnd` with the bytes of an answer once its body is over, however it ends. */
export function watchBody(response: Response, onEnd: (bytes: number) => void): Response {
  const reader = takeReader(response)
  if (!reader) {
    onEnd(0)
    return response
  }
  let bytes = 0
  let over = false
  const end = () => {
    if (!over) onEnd(bytes)
    over = true
  }
  const watched: BodyReader = {
    read: () =>
      reader.read().then(
        (read) => {
          if (read.done) end()
          else bytes += read.value.byteLength
          return read
        },
        (error) => {
          end()
          throw error
        },
      ),
    cancel: (reason) => {
      end()
      return reader.cancel(reason)
    },
  }
  const { status, statusText, headers } = response
  return readResponse(watched, { status, statusText, headers })
}
