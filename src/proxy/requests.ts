import { randomUUID } from 'node:crypto'
import type { Purchase } from '../buyer/purchase.ts'
import { type StreamError, toStreamError } from '../errors/error.ts'
import { type Problem, toProblem } from '../wire/problem.ts'

/** A request that went through, and what became of it. Amounts in msat, as decimal strings. */
export interface RequestRecord {
  readonly id: string
  readonly caller: string
  readonly method: string
  /** Without its query, which may hold what is nobody else's. */
  readonly url: string
  readonly startedAt: string
  /** `left`: the client ended it. */
  readonly state: 'running' | 'done' | 'failed' | 'left'
  readonly status?: number
  /** Of the answer's body, handed to the client. */
  readonly bytes: number
  readonly agreement?: string
  /** Cost of what was received of this answer. */
  readonly received?: string
  /** Paid on the agreement in all, when this was looked at. */
  readonly paid?: string
  /** Why it failed, as a problem document. */
  readonly error?: Problem
}

export type RequestEvent =
  | { readonly type: 'request'; readonly record: RequestRecord }
  | { readonly type: 'request-end'; readonly record: RequestRecord }

/** How many that are over are remembered. */
const MAX_REMEMBERED = 1000

/** The requests that go through, and the last that did. */
export class Requests {
  readonly #all = new Map<string, LiveRequest>()
  readonly #running = new Map<string, number>()
  readonly #onEvent: (event: RequestEvent) => void

  constructor(onEvent: (event: RequestEvent) => void) {
    this.#onEvent = onEvent
  }

  /** How many of a caller's run. */
  running(caller: string): number {
    return this.#running.get(caller) ?? 0
  }

  begin(caller: string, method: string, url: URL): LiveRequest {
    const request = new LiveRequest(caller, method, url.origin + url.pathname, () => this.#ended(request))
    this.#all.set(request.id, request)
    this.#running.set(caller, this.running(caller) + 1)
    for (const [id, { isOver }] of this.#all) {
      if (this.#all.size <= MAX_REMEMBERED) break
      if (isOver) this.#all.delete(id)
    }
    this.#onEvent({ type: 'request', record: request.record })
    return request
  }

  get(id: string): RequestRecord | undefined {
    return this.#all.get(id)?.record
  }

  #ended(request: LiveRequest): void {
    const left = this.running(request.caller) - 1
    if (left > 0) this.#running.set(request.caller, left)
    else this.#running.delete(request.caller)
    this.#onEvent({ type: 'request-end', record: request.record })
  }
}

/** One request on its way. */
export class LiveRequest {
  readonly id = randomUUID()
  readonly caller: string
  readonly #method: string
  readonly #url: string
  readonly #startedAt = new Date().toISOString()
  readonly #onEnd: () => void
  #state: RequestRecord['state'] = 'running'
  #status: number | undefined
  #purchase: Purchase | undefined
  /** What the purchase came to, once the request is over. */
  #final: Pick<RequestRecord, 'received' | 'paid'> | undefined
  #error: StreamError | undefined
  bytes = 0

  constructor(caller: string, method: string, url: string, onEnd: () => void) {
    this.caller = caller
    this.#method = method
    this.#url = url
    this.#onEnd = onEnd
  }

  get isOver(): boolean {
    return this.#state !== 'running'
  }

  answered(status: number, purchase: Purchase | undefined): void {
    this.#status = status
    this.#purchase = purchase
  }

  end(state: 'done' | 'left'): void {
    this.#end(state)
  }

  /** @returns what a client is told */
  fail(error: unknown): Problem {
    this.#error ??= toStreamError(error)
    this.#end('failed')
    return this.problem!
  }

  /** Why it failed; what was paid and received stands in it as well. */
  get problem(): Problem | undefined {
    return this.#error && { ...this.#figures, ...toProblem(this.#error), request: this.id }
  }

  get record(): RequestRecord {
    const { problem } = this
    return {
      id: this.id,
      caller: this.caller,
      method: this.#method,
      url: this.#url,
      startedAt: this.#startedAt,
      state: this.#state,
      ...(this.#status !== undefined && { status: this.#status }),
      bytes: this.bytes,
      ...(this.#purchase && { agreement: this.#purchase.agreement }),
      ...this.#figures,
      ...(problem && { error: problem }),
    }
  }

  get #figures(): Pick<RequestRecord, 'received' | 'paid'> {
    const purchase = this.#purchase
    return this.#final ?? (purchase ? { received: `${purchase.cost}`, paid: `${purchase.paid}` } : {})
  }

  #end(state: RequestRecord['state']): void {
    if (this.isOver) return
    this.#final = this.#figures
    this.#state = state
    this.#onEnd()
  }
}
