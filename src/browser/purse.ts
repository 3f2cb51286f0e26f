import type { Buyer } from '../buyer/buyer.ts'
import type { Closing } from '../buyer/trade/closing.ts'
import type { TradeSummary } from '../buyer/trade/summary.ts'
import { unlessAborted } from '../errors/aborted.ts'
import { StreamError, toStreamError } from '../errors/error.ts'
import type { Journal } from '../ledger/journal.ts'
import { MemoryJournal } from '../ledger/memory/journal.ts'
import { MAX_MSAT, type Msat, msat, sat, toMsat, ZERO } from '../money/msat.ts'
import type { Offer } from '../terms/terms.ts'
import { LIMITS } from './stored.ts'
import type { Consent, Payment, Wish } from './wish.ts'

export type { Consent, Payment, Wish } from './wish.ts'

/** What paying takes is loaded when something is to be paid, and not before. */
const loadPaying = () => import('./paying.ts')
const loadByHand = () => import('./byHand.ts')

export interface PurseOptions {
  /**
   * Asked once, before anything is paid; `undefined` refuses.
   * Nothing is paid and no wallet is asked until this resolves.
   */
  consent(wish: Wish): Promise<Consent | undefined>
  /** The most that is paid or in flight for what was not received. 10 sat by default. */
  readonly ahead?: string | Msat
  /** Where payments are written before they are sent; in memory by default. `StoredJournal` outlives the page. */
  readonly journal?: Journal
  /** What sends requests. The page's own `fetch`, past its cache, by default. */
  readonly fetch?: typeof globalThis.fetch
}

/**
 * After these money may be lost: what was paid, nobody knows of or nothing came for. Trying again by itself would risk another `ahead` each
 * time, up to the budget, so a person says whether to go on.
 */
const ENOUGH_FOR_NOW: ReadonlySet<string> = new Set([
  'payment-unknown',
  'stream-stalled',
  'count-mismatch',
  'invoice-mismatch',
  'invoice-invalid',
  'statement-invalid',
])

const LOOK_AGAIN_MS = 1000

export type PurseState = 'idle' | 'asking' | 'open' | 'paused' | 'stopped'

/**
 * A `fetch` that pays, as a person in a page uses it: with a consent before the first payment, a pause, a stop, and a budget that can be
 * changed and revoked. It tells of changes by a `change` event.
 * @example
 * const purse = new Purse({ consent: askConsent, journal: new StoredJournal(localStorage) })
 * const response = await purse.fetch('/v1/chat/completions', { method: 'POST', body })
 */
export class Purse extends EventTarget {
  readonly #options: PurseOptions
  readonly #journal: Journal
  readonly #ahead: Msat
  readonly #fetch: typeof globalThis.fetch
  #state: PurseState = 'idle'
  #offer: Offer | undefined
  #host: string | undefined
  #consent: Consent | undefined
  #buyer: Promise<Buyer> | undefined
  #opened: Buyer | undefined
  #spentBefore = 0n
  #error: StreamError | undefined
  #resumed = Promise.withResolvers<void>()
  #stopped = new AbortController()
  #closings: readonly Closing[] = []

  constructor(options: PurseOptions) {
    super()
    this.#options = options
    this.#journal = options.journal ?? new MemoryJournal()
    this.#ahead = toMsat(options.ahead ?? sat(10))
    this.#fetch = options.fetch ?? pastTheCache
    this.#resumed.resolve()
    // Another tab has set a budget: it holds here at once, also for who waits for it.
    globalThis.addEventListener?.('storage', ({ key }) => {
      if (key === LIMITS) this.#lookElsewhere().catch(() => {})
    })
  }

  get state(): PurseState {
    return this.#state
  }
  /** What the seller asks, once it was asked. */
  get offer(): Offer | undefined {
    return this.#offer
  }
  get budget(): Msat | undefined {
    return this.#consent?.budget
  }
  /** Paid in this page, routing included, less what came back. Payments without a known outcome count. */
  get spent(): Msat {
    return msat(this.#spentBefore + (this.#opened ? spentOn(this.#opened) : 0n))
  }
  /** What counts of the budget: paid at this seller in a day, in all tabs. Payments without a known outcome count in full. */
  async today(): Promise<Msat> {
    const { hosts } = await this.#journal.spending()
    return (this.#host === undefined ? undefined : hosts.get(this.#host)) ?? ZERO
  }
  /** Why nothing is paid, if something is wrong. */
  get error(): StreamError | undefined {
    return this.#error
  }
  get trades(): readonly TradeSummary[] {
    return this.#opened?.trades ?? []
  }
  get closings(): readonly Closing[] {
    return this.#closings
  }

  /**
   * As the global `fetch`. A request to what is for sale waits for the consent, and while the purse is paused.
   * @throws StreamError `budget-exhausted` without consent, and what `Buyer.fetch` throws; an AbortError once it is stopped
   */
  async fetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    if (this.#state === 'stopped') throw this.#stopped.signal.reason
    await unlessAborted(this.#resumed.promise, init.signal)
    const url = new URL(input, globalThis.location?.href).href
    // Only the seller that was allowed is paid: whoever else is asked gets the request as it is, and no money.
    if (this.#buyer && new URL(url).host !== this.#host) return this.#fetch(url, init)
    if (!this.#buyer) {
      const response = await this.#fetch(url, init)
      if (response.status !== 402) return response
      const { streamChallenge, decodeOffer } = await loadPaying()
      const challenge = streamChallenge(response)
      if (!challenge) return response
      await response.body?.cancel().catch(() => {})
      this.#offer = decodeOffer(challenge.request)
      this.#buyer ??= this.#open(url, init, this.#offer)
    }
    try {
      const buyer = await unlessAborted(this.#buyer, init.signal)
      const response = await buyer.fetch(url, init)
      this.#failed(undefined)
      return response.body ? this.#gated(response, response.body, init.signal) : response
    } catch (error) {
      if (!init.signal?.aborted) this.#failed(toStreamError(error))
      throw error
    }
  }

  /** Takes the budget that another tab has set for this seller. */
  async #lookElsewhere(): Promise<void> {
    const kept = (await this.#journal.limits()).find(({ name, host }) => name === 'host' && host === this.#host)
    if (kept && this.#consent && kept.amount !== this.#consent.budget) await this.#takeBudget(kept.amount)
  }

  /**
   * Nothing more is asked for or read until `resume`: at most what `ahead` leaves room for is paid yet, and then no more. A purse pauses
   * by itself where going on would put more at risk than one `ahead`.
   */
  pause(): void {
    if (this.#state !== 'open') return
    this.#resumed = Promise.withResolvers()
    this.#become('paused')
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#resumed.resolve()
    this.#become('open')
  }

  /** Allows another amount in a day. Zero revokes: nothing is paid any more until something is allowed anew. */
  async setBudget(budget: Msat): Promise<void> {
    if (!this.#consent || !this.#host) return
    await this.#journal.setLimit('host', budget, this.#host)
    await this.#takeBudget(budget)
  }

  async #takeBudget(budget: Msat): Promise<void> {
    if (!this.#consent) return
    this.#consent = { ...this.#consent, budget }
    if (budget === ZERO) return this.stop()
    // A payer that was refused by the old limit asks no more: another one takes its agreement up.
    await this.#opened?.close({ keep: true })
    this.#keepCount()
    this.#buyer = this.#newBuyer(this.#consent.pay)
    this.#failed(undefined)
  }

  /** Ends the agreements; what was paid and not used comes back to the wallet. The next `start` asks for consent anew. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped' || this.#state === 'idle') return
    this.#stopped.abort(new DOMException('paying was stopped', 'AbortError'))
    this.#resumed.resolve()
    this.#become('stopped')
    const buyer = await this.#buyer?.catch(() => undefined)
    try {
      this.#closings = (await buyer?.close()) ?? []
    } catch (error) {
      this.#error = toStreamError(error)
    }
    this.#keepCount()
    this.#become('stopped')
  }

  /** After a stop: what is asked for next is asked consent for. */
  start(): void {
    if (this.#state !== 'stopped') return
    this.#stopped = new AbortController()
    this.#host = undefined
    this.#error = undefined
    this.#become('idle')
  }

  async #open(url: string, init: RequestInit, offer: Offer): Promise<Buyer> {
    this.#host = new URL(url).host
    this.#become('asking')
    try {
      const { host } = new URL(url)
      const limits = await this.#journal.limits()
      const earlier = limits.find((limit) => limit.name === 'host' && limit.host === host)?.amount
      const consent = await this.#options.consent({ offer, host, ahead: this.#ahead, earlier: earlier || undefined })
      if (!consent) throw new StreamError('budget-exhausted', 'nothing was allowed to be paid here')
      this.#stopped.signal.throwIfAborted()
      await this.#journal.setLimit('host', consent.budget, host)
      this.#consent = consent
      const { pay } = consent
      if ('prepaid' in pay) {
        const endpoint = { url, method: init.method ?? 'GET', fetch: this.#fetch, timeoutMs: 20_000 }
        const { prepaid: amount, show } = pay
        const { network } = offer
        const { prepay } = await loadByHand()
        await prepay({ endpoint, network, amount, journal: this.#journal, show, signal: this.#stopped.signal })
      }
      const buyer = await this.#newBuyer(pay)
      this.#become('open')
      return buyer
    } catch (error) {
      this.#buyer = undefined
      this.#consent = undefined
      if (this.#state === 'asking') this.#become('idle')
      throw error
    }
  }

  async #newBuyer(pay: Payment): Promise<Buyer> {
    const { createBuyer } = await loadPaying()
    const byHand = 'prepaid' in pay
    this.#opened = createBuyer({
      node: byHand ? (await loadByHand()).handNode(this.#offer!.network) : pay.node,
      ahead: byHand ? pay.prepaid : this.#ahead,
      // The budget is a limit in the journal, where other tabs see it too.
      max: byHand ? ZERO : MAX_MSAT,
      journal: this.#journal,
      fetch: this.#fetch,
      // What a person was asked for.
      schemes: ['stream'],
    })
    return this.#opened
  }

  #keepCount(): void {
    this.#spentBefore = this.spent
    this.#opened = undefined
    this.#buyer = undefined
  }

  /** The body, read only while the purse is not paused. */
  #gated(response: Response, body: ReadableStream<Uint8Array>, signal: RequestInit['signal']): Response {
    const reader = body.getReader()
    const gated = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await unlessAborted(this.#resumed.promise, signal)
          try {
            const { done, value } = await reader.read()
            if (done) controller.close()
            else controller.enqueue(value)
          } catch (error) {
            if (!signal?.aborted && !(error instanceof DOMException)) this.#failed(toStreamError(error))
            throw error
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
    return Object.defineProperty(new Response(gated, response), 'url', { value: response.url })
  }

  #failed(error: StreamError | undefined): void {
    if (this.#error === error || this.#state === 'stopped') return
    this.#error = error
    if (error && ENOUGH_FOR_NOW.has(error.code)) this.pause()
    if (error?.code === 'payment-unknown') this.#resumeWhenKnown(error).catch(() => {})
    this.dispatchEvent(new Event('change'))
  }

  /** Once the wallet has said what became of each payment, nothing is at risk that was not before. */
  async #resumeWhenKnown(error: StreamError): Promise<void> {
    for (let open = true; open; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      if (this.#state !== 'paused' || this.#error !== error) return
      const payments = await this.#journal.payments({ open: true })
      open = payments.some(({ origin }) => new URL(origin).host === this.#host)
    }
    this.resume()
  }

  #become(state: PurseState): void {
    this.#state = state
    this.dispatchEvent(new Event('change'))
  }
}

/**
 * A browser that may cache an answer keeps every other request for the same URL waiting for it, up to 20 s. What both sides say about an
 * agreement goes to the URL of what is sold, while that one waits to be paid.
 */
const pastTheCache: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, { cache: 'no-store', ...init })

function spentOn({ trades }: Buyer): bigint {
  return trades.reduce((sum, { paid, inFlight, fees, returned }) => sum + paid + inFlight + fees - returned, 0n)
}
