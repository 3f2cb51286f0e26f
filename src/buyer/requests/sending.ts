/** Of a request: what sends it in the place of `fetch`, because its answer is no ordinary one. */
export const SEND: unique symbol = Symbol('send')

/** Of a request that brings its own way to be sent: how many bytes its body has, where those are charged. */
export const SENT: unique symbol = Symbol('sent')

type Fetch = typeof globalThis.fetch

/** A request that brings its own way to be sent. */
export interface OwnSending extends RequestInit {
  readonly [SEND]?: (url: URL, init: RequestInit) => Promise<Response>
  readonly [SENT]?: bigint
}

/** A `fetch` that leaves such requests to what they bring. */
export const byItsOwn =
  (fetch: Fetch): Fetch =>
  (input, init) => {
    const send = (init as OwnSending | undefined)?.[SEND]
    return send && !(input instanceof Request) ? send(new URL(input), init!) : fetch(input, init)
  }
