import { StreamError } from '../errors/error.ts'
import { openJournal } from '../ledger/index.ts'
import type { Journal } from '../ledger/journal.ts'
import type { LightningNode, NodeInfo } from '../lightning/node.ts'
import { type Msat, sat, toMsat } from '../money/msat.ts'
import { type Price, parsePrice } from '../money/price.ts'
import { acceptUpTo, type BuyerStrategy } from '../terms/strategy.ts'
import type { Offer } from '../terms/terms.ts'
import { Pace } from '../window/pace.ts'
import type { Challenge } from '../wire/challenge.ts'
import { decodeOffer } from '../wire/offer.ts'
import { Budget } from './budget.ts'
import type { Closing } from './closing.ts'
import { type Endpoint, streamChallenge, unreachable } from './control.ts'
import { negotiate } from './negotiate.ts'
import { firstInvoices } from './opening.ts'
import type { Wallet } from './payer.ts'
import { Trade, type TradeSummary } from './trade.ts'
import { checkTransport } from './transport.ts'

export interface BuyerOptions {
  /** The node that pays, or a promise of it. */
  readonly node: LightningNode | Promise<LightningNode>
  /** The most that this buyer spends in all, routing included. 1,000 sat by default. */
  readonly max?: string | Msat
  /** The most that is accepted for a unit; one price, or one for each unit. No limit by default. */
  readonly maxPrice?: string | Price | ReadonlyArray<string | Price>
  /** The most that is paid or in flight for what was not received: what a seller that stops can win. 10 sat by default. */
  readonly ahead?: string | Msat
  /** How to haggle, instead of `maxPrice`. */
  readonly strategy?: BuyerStrategy
  /** Where payments are written before they are sent; in memory by default. */
  readonly journal?: Journal
  /** The most that routing may add to a payment, in per cent. 3 by default. */
  readonly maxFeePercent?: number
  /** When a seller that was paid and sends nothing is given up. In ms; 30 s by default. */
  readonly stallMs?: number
  /** Sends credentials over plain http to other machines too, where who listens can use them. Loopback needs no leave. */
  readonly insecure?: boolean
  /** What sends requests; the default is `globalThis.fetch`. */
  readonly fetch?: typeof globalThis.fetch
}

/** A `fetch` that pays. */
export interface Buyer {
  /**
   * As the global `fetch`; a 402 with a `stream` offer is accepted within the limits, and paid while the body is read.
   * @throws StreamError among others `transport-insecure`, `price-too-high`, `budget-exhausted`, `no-route`; a body's reader gets
   *   `stream-interrupted`, `stream-stalled`, `window-too-small`, each with what was received, paid and left
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** The offer of a URL; spends nothing. `undefined` if it answers without asking for payment. */
  price(input: string | URL, init?: RequestInit): Promise<Offer | undefined>
  /** How each agreement of this buyer stands. */
  readonly trades: readonly TradeSummary[]
  readonly spent: Msat
  /** How the agreements that were closed ended: also there when closing another one failed. */
  readonly closings: readonly Closing[]
  /** Ends all agreements: checks the sellers' final statements, and takes what is left back. `keep` leaves them open. */
  close(options?: { readonly keep?: boolean }): Promise<readonly Closing[]>
}

const CONTROL_TIMEOUT_MS = 20_000
/** A request body that must be sent twice is held up to here. */
const MAX_HELD_BODY = 64 << 20

/**
 * A buyer: a drop-in `fetch` that pays by use while it reads.
 * @throws StreamError `amount-invalid`, `price-invalid`
 * @example
 * const buyer = createBuyer({ node, max: '100 sat', maxPrice: '20 sat/second', ahead: '5 sat' })
 * const response = await buyer.fetch(url)
 * for await (const chunk of response.body) process.stdout.write(chunk)
 * await buyer.close()
 */
export function createBuyer(options: BuyerOptions): Buyer {
  return new PayingBuyer(options)
}

class PayingBuyer implements Buyer {
  readonly #options: BuyerOptions
  readonly #ahead: Msat
  readonly #strategy: BuyerStrategy
  readonly #budget: Budget
  readonly #fetch: typeof globalThis.fetch
  readonly #journal: Journal
  readonly #pace = new Pace()
  readonly #trades: Trade[] = []
  readonly #closings: Closing[] = []
  /** The trade that pays for a place, by origin and path. */
  readonly #byPlace = new Map<string, Promise<Trade>>()
  #wallet: Promise<{ wallet: Wallet; info: NodeInfo }> | undefined

  constructor(options: BuyerOptions) {
    this.#options = options
    this.#ahead = toMsat(options.ahead ?? sat(10))
    this.#budget = new Budget(toMsat(options.max ?? sat(1000)))
    this.#strategy = options.strategy ?? acceptUpTo(readPrices(options.maxPrice))
    this.#journal = options.journal ?? openJournal(':memory:')
    this.#fetch = options.fetch ?? globalThis.fetch
  }

  get trades(): readonly TradeSummary[] {
    return this.#trades.map((trade) => trade.summary())
  }

  get closings(): readonly Closing[] {
    return this.#closings
  }

  get spent(): Msat {
    return this.#budget.spent
  }

  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const { url, request } = await normalize(input, init)
    const place = placeOf(url)
    const known = this.#byPlace.get(place)
    if (known) {
      const trade = await known
      const response = await trade.fetch(url, request)
      if (response.status !== 402) return response
      this.#drop(place, trade)
      return this.#pay(url, request, place, response)
    }
    const startedAt = performance.now()
    const response = await this.#send(url, request)
    return response.status === 402 ? this.#pay(url, request, place, response, startedAt) : response
  }

  async price(input: string | URL, init: RequestInit = {}): Promise<Offer | undefined> {
    const { url, request } = await normalize(input, init)
    const response = await this.#send(url, request)
    await response.body?.cancel()
    const challenge = streamChallenge(response)
    return challenge && decodeOffer(challenge.request)
  }

  async close({ keep = false } = {}): Promise<readonly Closing[]> {
    await Promise.allSettled(this.#byPlace.values())
    this.#byPlace.clear()
    if (keep) {
      await Promise.all(this.#trades.map((trade) => trade.keep()))
      return []
    }
    const open = this.#trades.filter((trade) => !trade.closed)
    const results = await Promise.allSettled(open.map((trade) => trade.close()))
    this.#closings.push(...results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    return this.#closings
  }

  async #pay(
    url: string,
    request: RequestInit,
    place: string,
    refused: Response,
    startedAt = performance.now(),
  ): Promise<Response> {
    const challenge = streamChallenge(refused)
    if (!challenge) return refused
    await refused.body?.cancel()
    if (!this.#options.insecure) checkTransport(url)
    const trade = await this.#agree(url, request, place, challenge, startedAt)
    return trade.fetch(url, request)
  }

  /** One negotiation for a place at a time; an open trade for the same scope and price serves it too. */
  #agree(url: string, request: RequestInit, place: string, challenge: Challenge, startedAt: number): Promise<Trade> {
    const running = this.#byPlace.get(place)
    if (running) return running
    const offer = decodeOffer(challenge.request)
    const origin = new URL(url).origin
    const other = this.#trades.find((trade) => !trade.closed && !trade.error && fits(trade, origin, offer))
    const trade = other ? Promise.resolve(other) : this.#open(url, request, challenge, startedAt)
    this.#byPlace.set(place, trade)
    trade.catch(() => this.#byPlace.delete(place))
    return trade
  }

  async #open(url: string, request: RequestInit, challenge: Challenge, startedAt: number): Promise<Trade> {
    const { wallet, info } = await this.#ready()
    const endpoint: Endpoint = {
      url,
      method: request.method ?? 'GET',
      fetch: this.#fetch,
      timeoutMs: CONTROL_TIMEOUT_MS,
    }
    const deal = await negotiate(endpoint, challenge, info, this.#strategy, (terms) =>
      firstInvoices(terms, this.#ahead),
    )
    await wallet.journal.addAgreement({
      id: deal.agreement.id,
      secret: deal.secret,
      url,
      method: endpoint.method,
      challenge: JSON.stringify(deal.challenge),
      agreement: deal.json,
      createdAtMs: Date.now(),
      state: 'open',
    })
    const options = { ahead: this.#ahead, stallMs: this.#options.stallMs ?? 30_000 }
    const trade = new Trade(deal, endpoint, wallet, options, startedAt)
    this.#trades.push(trade)
    return trade
  }

  #ready(): Promise<{ wallet: Wallet; info: NodeInfo }> {
    this.#wallet ??= (async () => {
      const node = await this.#options.node
      const info = await node.info()
      const feePerMille = BigInt(Math.round((this.#options.maxFeePercent ?? 3) * 10))
      return { wallet: { node, journal: this.#journal, budget: this.#budget, pace: this.#pace, feePerMille }, info }
    })()
    return this.#wallet
  }

  async #send(url: string, request: RequestInit): Promise<Response> {
    try {
      return await this.#fetch(url, request)
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason
      throw unreachable(url, error)
    }
  }

  #drop(place: string, trade: Trade): void {
    for (const [key, value] of this.#byPlace) {
      if (key === place) this.#byPlace.delete(key)
      else void value.then((other) => other === trade && this.#byPlace.delete(key))
    }
  }
}

function fits(trade: Trade, origin: string, offer: Offer): boolean {
  const { scope, payee, price } = trade.agreement
  const same = price.unit === offer.price.unit && price.msat * offer.price.per === offer.price.msat * price.per
  return same && scope === offer.scope && payee === offer.payee && new URL(trade.endpoint.url).origin === origin
}

function placeOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** A request whose body can be sent again after a 402. */
async function normalize(
  input: string | URL | Request,
  init: RequestInit,
): Promise<{ url: string; request: RequestInit }> {
  if (!(input instanceof Request) && !(init.body instanceof ReadableStream)) {
    checkHeaders(new Headers(init.headers))
    return { url: new URL(input).href, request: init }
  }
  const request = new Request(
    input,
    init.body instanceof ReadableStream ? ({ duplex: 'half', ...init } as RequestInit) : init,
  )
  checkHeaders(request.headers)
  const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined
  if (body && body.byteLength > MAX_HELD_BODY) {
    throw new StreamError(
      'option-invalid',
      `a request body over ${MAX_HELD_BODY} bytes cannot be sent again after a 402`,
    )
  }
  const { method, headers, signal, redirect } = request
  return { url: request.url, request: { method, headers, signal, redirect, ...(body && { body }) } }
}

function checkHeaders(headers: Headers): void {
  if (headers.has('authorization')) {
    throw new StreamError(
      'option-invalid',
      'the Authorization header carries the payment; this request has one of its own',
    )
  }
}

function readPrices(prices: BuyerOptions['maxPrice']): Price[] {
  if (prices === undefined) return []
  const list = Array.isArray(prices) ? (prices as ReadonlyArray<string | Price>) : [prices as string | Price]
  return list.map((price) => (typeof price === 'string' ? parsePrice(price) : price))
}
