import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { recordOf } from '../record.ts'
import type { Watched, WatchedEvent } from '../watched.ts'
import { type Queued, WebhookQueue } from './queue.ts'
import { sign } from './signature.ts'

/** What a webhook may be told of. */
export const WEBHOOK_EVENTS = ['opened', 'closed', 'return-failed'] as const
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

export interface Webhook {
  /** http or https; nothing is sent anywhere else, and no redirect is followed. */
  readonly url: string
  /** What deliveries are signed with, as `readSecret` reads it. */
  readonly secret: Uint8Array
  /** Which events it is sent. */
  readonly events: readonly WebhookEvent[]
}

export interface Pace {
  /** Before the second attempt, in ms; each further pause is twice as long. */
  readonly firstDelayMs: number
  /** The longest pause, in ms. */
  readonly longestDelayMs: number
  /** After so long it is given up, in ms. */
  readonly lifeMs: number
  /** For one attempt, in ms. */
  readonly timeoutMs: number
}

/** 5 s, 10 s, 20 s … an hour, for three days. */
const PACE: Pace = { firstDelayMs: 5000, longestDelayMs: 3_600_000, lifeMs: 3 * 86_400_000, timeoutMs: 10_000 }
const LONGEST_TIMER_MS = 600_000

export interface WebhooksOptions {
  /** What is told of: a `Gateway`. */
  readonly gateway: Watched
  /** Who is told. */
  readonly webhooks: readonly Webhook[]
  /** A folder for what is still to be sent. */
  readonly home: string
  /** Told of what was given up, and of what cannot be written. Nobody by default. */
  readonly onError?: (error: StreamError) => void
  /** How a delivery that failed is tried again. By default after 5 s, then twice as long each time up to an hour, for three days. */
  readonly pace?: Pace
}

/** What runs, and how to end it. */
export interface RunningWebhooks {
  /** How many deliveries wait. */
  readonly waiting: number
  close(): Promise<void>
}

/**
 * Tells addresses of the operator's own what happens, each signed, and again until it is taken with a 2xx. One at a time for each address; the same
 * `webhook-id` at every attempt, since one may arrive twice.
 * @throws StreamError `ledger-failed`, `option-invalid`
 */
export function startWebhooks(options: WebhooksOptions): RunningWebhooks {
  const { gateway, home, webhooks, onError = () => {}, pace = PACE } = options
  for (const { url } of webhooks) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new StreamError('option-invalid', `a webhook goes to an http or https URL, not to ${url}`)
    }
  }
  const twice = webhooks.find(({ url }, i) => webhooks.findIndex((other) => other.url === url) !== i)
  if (twice)
    throw new StreamError('option-invalid', `${twice.url} is named by two webhooks: name all its events in one`)
  const queue = new WebhookQueue(join(home, 'webhooks.db'))
  const senders = webhooks.map((webhook) => new Sender(webhook, queue, pace, onError))
  const unsubscribe = gateway.onEvent((event) => {
    const told = senders.filter(({ webhook }) => (webhook.events as readonly string[]).includes(event.type))
    if (told.length === 0) return
    try {
      const id = `msg_${randomUUID()}`
      const shed = queue.add(
        told.map(({ webhook }) => webhook.url),
        id,
        bodyOf(event),
        Date.now(),
      )
      if (shed > 0) onError(givenUp(`${shed} webhooks were given up: too many wait`))
    } catch (error) {
      // A full disk costs a message, not the sale.
      onError(toStreamError(error))
    }
    for (const sender of told) sender.wake()
  })
  for (const sender of senders) sender.wake()
  return {
    get waiting() {
      return queue.size
    },
    async close() {
      unsubscribe()
      await Promise.all(senders.map((sender) => sender.close()))
      queue.close()
    },
  }
}

/** `{ "type": "agreement.closed", "timestamp": "…", "data": { … } }`, as Standard Webhooks suggests. */
function bodyOf(event: WatchedEvent): string {
  const { type, atMs, ...data } = recordOf(event)
  return JSON.stringify({ type: TYPES[type] ?? type, timestamp: new Date(atMs).toISOString(), data })
}

const TYPES: Readonly<Record<string, string>> = {
  opened: 'agreement.opened',
  closed: 'agreement.closed',
  'return-failed': 'return.failed',
}

const givenUp = (message: string): StreamError => new StreamError('webhook-failed', message)

class Sender {
  readonly webhook: Webhook
  readonly #queue: WebhookQueue
  readonly #pace: Pace
  readonly #onError: (error: StreamError) => void
  readonly #ending = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #running: Promise<void> | undefined

  constructor(webhook: Webhook, queue: WebhookQueue, pace: Pace, onError: (error: StreamError) => void) {
    this.webhook = webhook
    this.#queue = queue
    this.#pace = pace
    this.#onError = onError
  }

  wake(): void {
    if (this.#ending.signal.aborted || this.#running) return
    clearTimeout(this.#timer)
    this.#running = this.#run()
      .catch((error) => this.#onError(toStreamError(error)))
      .finally(() => {
        this.#running = undefined
        this.#wait()
      })
  }

  async close(): Promise<void> {
    this.#ending.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#ending.signal.aborted) return
      const next = this.#queue.next(this.webhook.url, Date.now())
      if (!next) return
      await this.#deliver(next)
    }
  }

  #wait(): void {
    if (this.#ending.signal.aborted) return
    try {
      const dueMs = this.#queue.nextDueMs(this.webhook.url)
      if (dueMs === undefined) return
      const waitMs = Math.min(Math.max(dueMs - Date.now(), 1), LONGEST_TIMER_MS)
      this.#timer = setTimeout(() => this.wake(), waitMs)
      this.#timer.unref()
    } catch (error) {
      this.#onError(toStreamError(error))
    }
  }

  async #deliver({ key, id, body, attempts, madeAtMs }: Queued): Promise<void> {
    const failure = await this.#send(id, body)
    if (failure === undefined) return this.#queue.end(key)
    // Cut off by our own end: it is tried again by the next start, and counts as no attempt.
    if (this.#ending.signal.aborted) return
    const { firstDelayMs, longestDelayMs, lifeMs } = this.#pace
    if (Date.now() - madeAtMs > lifeMs) {
      this.#queue.end(key)
      this.#onError(givenUp(`a webhook was given up after ${attempts + 1} attempts: ${failure}`))
      return
    }
    // Drawn anew each time, so that receivers that come back are not called by all at once.
    const delayMs = Math.min(firstDelayMs * 2 ** Math.min(attempts, 30), longestDelayMs) * (0.75 + Math.random() / 2)
    this.#queue.delay(key, Math.ceil(Date.now() + delayMs))
  }

  /** Why it was not taken; `undefined` if it was. */
  async #send(id: string, body: string): Promise<string | undefined> {
    const { url, secret } = this.webhook
    const timestamp = `${Math.floor(Date.now() / 1000)}`
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'streampay',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': sign(secret, id, timestamp, body),
    }
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(this.#pace.timeoutMs)])
    try {
      const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
      await response.body?.cancel()
      return response.ok ? undefined : `the receiver answered ${response.status}`
    } catch (error) {
      return (error as Error).message
    }
  }
}
