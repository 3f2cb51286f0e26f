import { unlessAborted } from '../errors/aborted.ts'
import type { Journal } from '../ledger/journal.ts'
import { type Limits, limitsAt, strictest } from '../ledger/limits.ts'
import type { NodeIdentity } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import { applyStrategy, offerRefusal } from '../terms/strategy.ts'
import type { Agreement, Offer } from '../terms/terms.ts'
import type { Challenge } from '../wire/challenge.ts'
import { decodeOffer } from '../wire/offer.ts'
import { dealOf, readPast, serves } from './journal/past.ts'
import type { CheckOffer } from './offers/comparing.ts'
import { type Haggling, negotiate } from './offers/negotiate.ts'
import { firstInvoices } from './payments/opening.ts'
import type { Wallet } from './payments/payer.ts'
import { hasRoom, noRoom } from './requests/ownHeaders.ts'
import { placeOf } from './requests/place.ts'
import { checkTransport } from './requests/transport.ts'
import type { Closing } from './trade/closing.ts'
import type { Endpoint } from './trade/control.ts'
import type { TradeSummary } from './trade/summary.ts'
import { Trade, type TradeOptions } from './trade/trade.ts'

const CONTROL_TIMEOUT_MS = 20_000
/** Places, and agreements that are over, beyond which the oldest are forgotten: a buyer may run for months. */
const MAX_PLACES = 4096
const MAX_OVER = 256

export interface TradesParts {
  readonly ready: () => Promise<{ readonly wallet: Wallet; readonly info: NodeIdentity }>
  readonly journal: Journal
  readonly fetch: typeof globalThis.fetch
  readonly haggling: Haggling
  readonly ahead: Msat
  readonly limits: Limits
  readonly stallMs: number
  readonly insecure: boolean
}

/** Whom a trade is for. */
export interface TradeRequest {
  /** Where the 402 came from. */
  readonly url: string
  /** What goes along with its control actions. */
  readonly request: RequestInit
  /** Of `stream`. */
  readonly challenge: Challenge
  /** Of the request that led to it, by `performance.now()`. */
  readonly startedAt: number
}

/** The agreements of one buyer: finds or makes the one that pays for a place, and ends them. */
export class Trades {
  readonly #parts: TradesParts
  readonly #trades: Trade[] = []
  readonly #closings: Closing[] = []
  /** Trades that are closed or being closed. */
  readonly #ends = new Map<Trade, Promise<void>>()
  /** Trades that were of no more use: whether they could be closed is no matter of this run, the journal has them. */
  readonly #retired = new Set<Trade>()
  /** Trades that nothing new is to be bought on. */
  readonly left = new Set<Trade>()
  /** The trade that pays for a place, by origin and path. */
  readonly byPlace = new Map<string, Promise<Trade>>()
  /** How many wait for terms that are being agreed on, and what ends that. */
  readonly #agreeing = new Map<Promise<Trade>, { waiting: number; readonly abort: AbortController }>()
  /** Ends the closing that is under way. */
  #hurry = new AbortController()

  constructor(parts: TradesParts) {
    this.#parts = parts
  }

  get summaries(): readonly TradeSummary[] {
    return this.#trades.map((trade) => trade.summary())
  }

  get closings(): readonly Closing[] {
    return this.#closings
  }

  /** Waits for terms, perhaps with others: who leaves does not end it for them. */
  async agreed(trade: Promise<Trade>, { signal }: RequestInit): Promise<Trade> {
    const agreeing = this.#agreeing.get(trade)
    if (agreeing) agreeing.waiting++
    try {
      return await unlessAborted(trade, signal)
    } finally {
      if (agreeing) agreeing.waiting--
    }
  }

  /** @throws StreamError `transport-insecure`, as `check`, and whatever kept terms from being agreed on */
  tradeFor(asked: TradeRequest, check?: CheckOffer): Promise<Trade> {
    const { url, request, challenge } = asked
    if (!this.#parts.insecure) checkTransport(url)
    if (!hasRoom(request, challenge)) throw noRoom(url)
    check?.(decodeOffer(challenge.request))
    request.signal?.throwIfAborted()
    return this.#agree(asked)
  }

  /** One negotiation for a place at a time; an open trade for the same scope and price serves it too. */
  #agree(asked: TradeRequest): Promise<Trade> {
    const place = placeOf(asked.url)
    const running = this.byPlace.get(place)
    if (running) return running
    const abort = new AbortController()
    const trade = this.#find(asked, abort.signal)
    this.byPlace.set(place, trade)
    this.#agreeing.set(trade, { waiting: 0, abort })
    const settled = () => this.#agreeing.delete(trade)
    trade.then(settled, settled)
    // One that is forgotten is only asked for its price once more.
    if (this.byPlace.size > MAX_PLACES) this.byPlace.delete(this.byPlace.keys().next().value!)
    trade.catch(() => this.byPlace.delete(place))
    return trade
  }

  /** An open trade that serves this place too, one of an earlier run, or a new one. */
  async #find(asked: TradeRequest, signal: AbortSignal): Promise<Trade> {
    const { url, challenge } = asked
    const offer = decodeOffer(challenge.request)
    const { origin } = new URL(url)
    for (const trade of this.#trades) {
      if (this.left.has(trade)) continue
      const isHere = new URL(trade.endpoint.url).origin === origin && serves(trade.deal, offer, Date.now())
      if (isHere && !trade.error && (await trade.isGood(signal).catch(() => false))) return trade
    }
    return (await this.#resume(asked, offer, signal)) ?? this.#open(asked, signal)
  }

  /** Takes up an agreement that an earlier run left open. One that is of no more use is closed on the way. */
  async #resume(
    { url, request, startedAt }: TradeRequest,
    offer: Offer,
    signal: AbortSignal,
  ): Promise<Trade | undefined> {
    const { origin } = new URL(url)
    for (const entry of await this.#parts.journal.agreements('open')) {
      const deal = new URL(entry.url).origin === origin ? dealOf(entry) : undefined
      if (!deal || !serves(deal, offer, Date.now()) || !this.#accepts(offer, deal.agreement)) continue
      const { wallet, info } = await unlessAborted(this.#parts.ready(), signal)
      if (info.network !== offer.network || !(await this.#parts.journal.holdAgreement(entry.id))) continue
      const past = await readPast(this.#parts.journal, entry)
      const own = placeOf(entry.url) === placeOf(url) ? request.headers : undefined
      const endpoint = this.#endpoint(entry.url, entry.method, own)
      const trade = new Trade(deal, endpoint, wallet, await this.#tradeOptions(), startedAt, past)
      this.#add(trade)
      if (await trade.isGood(signal)) return trade
      this.retire(trade)
    }
    return undefined
  }

  /** What was agreed in an earlier run is not above what is accepted in this one. */
  #accepts({ tariff: _, ...offer }: Offer, { price, tariff }: Agreement): boolean {
    const { strategy, limits } = this.#parts.haggling
    const agreed = { ...offer, price, ...(tariff && { tariff }) }
    return !offerRefusal(agreed, limits) && !('refuse' in applyStrategy(strategy, agreed, { round: 0 }, limits))
  }

  #endpoint(url: string, method: string, headers: RequestInit['headers']): Endpoint {
    return { url, method, headers, fetch: this.#parts.fetch, timeoutMs: CONTROL_TIMEOUT_MS }
  }

  async #tradeOptions(): Promise<TradeOptions> {
    const { request } = strictest(limitsAt(await this.#parts.journal.limits(), ''), this.#parts.limits)
    return { ahead: this.#parts.ahead, stallMs: this.#parts.stallMs, requestLimit: request }
  }

  async #open({ url, request, challenge, startedAt }: TradeRequest, signal: AbortSignal): Promise<Trade> {
    const { wallet, info } = await unlessAborted(this.#parts.ready(), signal)
    const endpoint = this.#endpoint(url, request.method ?? 'GET', request.headers)
    const deal = await negotiate({ ...endpoint, signal }, challenge, info, this.#parts.haggling, (terms) =>
      firstInvoices(terms, this.#parts.ahead),
    )
    await wallet.journal.addAgreement({
      id: deal.agreement.id,
      secret: deal.secret,
      url,
      method: endpoint.method,
      challenge: JSON.stringify(deal.challenge),
      agreement: deal.json,
      createdAtMs: Date.now(),
    })
    const trade = new Trade(deal, endpoint, wallet, await this.#tradeOptions(), startedAt)
    this.#add(trade)
    return trade
  }

  #add(trade: Trade): void {
    this.#trades.push(trade)
    const over = this.#trades.filter((one) => this.#ends.has(one) && one.summary().state === 'closed')
    for (const one of over.slice(0, Math.max(0, over.length - MAX_OVER))) {
      this.#trades.splice(this.#trades.indexOf(one), 1)
      this.#ends.delete(one)
      this.#retired.delete(one)
    }
    this.#closings.splice(0, Math.max(0, this.#closings.length - MAX_OVER))
  }

  /** Closes a trade that is of no more use. Whether that succeeds, nobody waits for. */
  retire(trade: Trade): void {
    this.#retired.add(trade)
    this.#end(trade).catch(() => {})
  }

  /** Closes a trade, once. */
  #end(trade: Trade, signal?: AbortSignal): Promise<void> {
    const hurry = signal ? AbortSignal.any([signal, this.#hurry.signal]) : this.#hurry.signal
    const end = this.#ends.get(trade) ?? trade.close(hurry).then((closing) => void this.#closings.push(closing))
    this.#ends.set(trade, end)
    return end
  }

  /** What is bought next at this place, and at others that this trade paid for, begins with a fresh 402. */
  drop(place: string, trade: Trade): void {
    for (const [key, value] of this.byPlace) {
      if (key === place) this.byPlace.delete(key)
      else void value.then((other) => other === trade && this.byPlace.delete(key))
    }
  }

  /** As `Buyer.closeAgreement`. */
  async closeOne(id: string, signal?: AbortSignal): Promise<Closing | undefined> {
    const trade = this.#trades.find(({ deal }) => deal.agreement.id === id)
    if (!trade || this.#ends.has(trade)) return undefined
    const end = this.#end(trade, signal)
    for (const [place, other] of this.byPlace) void other.then((own) => own === trade && this.byPlace.delete(place))
    this.#retired.add(trade)
    await end
    return this.#closings.find(({ agreement }) => agreement === id)
  }

  /**
   * As `Buyer.close`.
   * @param meanwhile what else is to be closed, before what was bought by use
   */
  async close(
    keep: boolean,
    signal: AbortSignal | undefined,
    meanwhile: (signal: AbortSignal) => Promise<void>,
  ): Promise<readonly Closing[]> {
    const hurry = this.#hurry
    const leave = () => hurry.abort(signal?.reason)
    if (signal?.aborted) leave()
    else signal?.addEventListener('abort', leave)
    try {
      return await this.#close(keep, hurry.signal, meanwhile)
    } finally {
      signal?.removeEventListener('abort', leave)
      // What is bought after this is closed without haste.
      if (hurry.signal.aborted && this.#hurry === hurry) this.#hurry = new AbortController()
    }
  }

  async #close(
    keep: boolean,
    signal: AbortSignal,
    meanwhile: (signal: AbortSignal) => Promise<void>,
  ): Promise<readonly Closing[]> {
    // Terms that nobody waits for any more need not be agreed on.
    for (const { waiting, abort } of this.#agreeing.values()) if (waiting === 0) abort.abort()
    const agreed = Promise.allSettled(this.byPlace.values())
    await unlessAborted(agreed, signal).catch((reason) => {
      for (const { abort } of this.#agreeing.values()) abort.abort(reason)
      return agreed
    })
    this.byPlace.clear()
    await meanwhile(signal)
    if (keep) {
      await Promise.all(this.#trades.filter((trade) => !trade.ending).map((trade) => trade.keep(signal)))
      await Promise.allSettled(this.#ends.values())
      return []
    }
    await Promise.allSettled([...this.#retired].map((trade) => this.#end(trade)))
    const used = this.#trades.filter((trade) => !this.#retired.has(trade))
    const results = await Promise.allSettled(used.map((trade) => this.#end(trade)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    return this.#closings
  }
}
