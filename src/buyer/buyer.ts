import { unlessAborted } from '../errors/aborted.ts'
import { StreamError } from '../errors/error.ts'
import type { Journal } from '../ledger/journal.ts'
import { LIMIT_NAMES, type Limits, type LimitUse } from '../ledger/limits.ts'
import { MemoryJournal } from '../ledger/memory/journal.ts'
import type { NodeIdentity, PayingNode } from '../lightning/node.ts'
import { type Msat, sat, toMsat } from '../money/msat.ts'
import { type Price, parsePrice } from '../money/price.ts'
import { formatAsked } from '../money/tariff.ts'
import { acceptUpTo, applyStrategy, type BuyerStrategy } from '../terms/strategy.ts'
import type { Offer } from '../terms/terms.ts'
import { paceOf } from '../window/pace.ts'
import type { SchemeName } from '../wire/challenges.ts'
import { decodeOffer } from '../wire/offer.ts'
import { fromProblem } from '../wire/problem.ts'
import { loadRecovery } from '../wire/recoverKey.ts'
import { Budget } from './budget.ts'
import type { CheckOffer, Comparing, Counter } from './offers/comparing.ts'
import type { Haggling } from './offers/negotiate.ts'
import { readSellers, type Sellers } from './offers/sellers.ts'
import { payerOf } from './payments/outcome.ts'
import type { Wallet } from './payments/payer.ts'
import { asItCame, readingGrpc } from './requests/grpc.ts'
import { forElsewhere, hasRoom, noRoom } from './requests/ownHeaders.ts'
import { placeOf } from './requests/place.ts'
import { guardRedirects, type Redirects } from './requests/redirects.ts'
import { repeatable } from './requests/requestBody.ts'
import { byItsOwn } from './requests/sending.ts'
import type { PrepaidSummary } from './schemes/held.ts'
import type { Prepaid } from './schemes/prepaid.ts'
import type { Closing } from './trade/closing.ts'
import { readJson, streamChallenge, unreachable } from './trade/control.ts'
import type { TradeSummary } from './trade/summary.ts'
import type { Trade } from './trade/trade.ts'
import { Trades } from './trades.ts'

export interface BuyerOptions {
  /** The node that pays, or a promise of it. Buyers that are given the same one share what it sustains. */
  readonly node: PayingNode | Promise<PayingNode>
  /** The most that this buyer spends in all, routing included. 1,000 sat by default. */
  readonly max?: string | Msat
  /** A budget that several buyers share: what this one spends is taken from it too, and `max` holds besides. None by default. */
  readonly within?: Budget
  /** The most that is accepted for a unit; one price, or one for each unit. No limit by default. */
  readonly maxPrice?: string | Price | ReadonlyArray<string | Price>
  /** The most that is paid or in flight for what was not received: what a seller that stops can win. 10 sat by default. */
  readonly ahead?: string | Msat
  /**
   * What may be paid by, the most wanted first: of several that a 402 offers, the first of these. `stream`, `session`, `charge` and `l402` by
   * default, which is the order of what is at risk; only `stream` with `['stream']`.
   */
  readonly schemes?: readonly SchemeName[]
  /**
   * The most that is paid in one piece before anything comes, to sellers that want it so: by `session`, `charge` and `l402`, where all of it is lost if the
   * seller keeps it. 50 sat by default. `ahead` bounds what `stream` has at risk.
   */
  readonly maxRisk?: string | Msat
  /** How to haggle. `maxPrice` bounds whatever it says. By default any offer within `maxPrice` is taken as it is. */
  readonly strategy?: BuyerStrategy
  /**
   * Several places where the same thing is sold. `fetch` of a path then buys from the best of them, and goes to another when that is cheaper
   * by enough, or the one fails; whole URLs are bought where they are. None by default: all is bought where it is asked for.
   */
  readonly sellers?: readonly string[] | Sellers
  /**
   * Where payments are written before they are sent; in memory by default. Agreements that an earlier run left open in it, killed
   * or with `keep`, are taken up again where they fit, with their balance.
   */
  readonly journal?: Journal
  /** What may be spent, besides the limits that are kept in the journal and hold for all that share it. None by default. */
  readonly limits?: { readonly [K in keyof Limits]?: string | Msat }
  /** Told when four fifths of a limit are used. Nobody by default. */
  readonly onLimitNear?: (use: LimitUse) => void
  /** Told when something was prepaid, and when that is used up or closed. Nobody by default. */
  readonly onPrepaid?: (summary: PrepaidSummary) => void
  /** The most that routing may add to a payment, in per cent. 3 by default. */
  readonly maxFeePercent?: number
  /** When a seller that was paid and sends nothing is given up. In ms; 30 s by default. */
  readonly stallMs?: number
  /** Sends credentials over plain http to other machines too, where who listens can use them. False by default; loopback needs no leave. */
  readonly insecure?: boolean
  /**
   * Which redirects are followed: `same-origin` by default; `follow` also to other origins, without what was meant for the first,
   * and never from a public host into a private network.
   */
  readonly redirects?: Redirects
  /** What sends requests; the default is `globalThis.fetch`. */
  readonly fetch?: typeof globalThis.fetch
}

export interface CloseOptions {
  /** Leaves the agreements open, with their balance: a later run takes them up. False by default. */
  readonly keep?: boolean
  /**
   * Ends the waiting: for payments on their way, for sellers, for balances. What is not closed by then stays open in the journal, where
   * `recover` finds it. None by default: it then takes a minute or so at most for a seller that does not answer.
   */
  readonly signal?: AbortSignal | undefined
}

/**
 * A `fetch` that pays. What takes a `signal` rejects with its reason as soon as it aborts. No money is lost by that: a payment on its way is
 * followed to its end, and is in the journal from before it was sent.
 */
export interface Buyer {
  /**
   * As the global `fetch`; a 402 with a `stream` offer is accepted within the limits, and paid while the body is read. One that can only be
   * prepaid is paid within `maxRisk`, and the request sent again. `init.signal` ends the request and the reading of its body; terms that were
   * being agreed on are there for the next request.
   * @throws StreamError among others `transport-insecure`, `redirect-refused`, `price-too-high`, `budget-exhausted`, `no-route`; a body's reader gets
   *   `stream-interrupted`, `stream-stalled`, `window-too-small`, each with what was received, paid and left
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** The offer of a URL; spends nothing. `undefined` if it answers without asking for payment. */
  price(input: string | URL, init?: RequestInit): Promise<Offer | undefined>
  /**
   * Agrees on terms with the seller of a URL, as `fetch` does, and pays nothing yet: what is fetched there later goes on this agreement.
   * `undefined` if it answers without asking for payment.
   * @throws StreamError as `fetch` before anything is paid
   */
  agree(input: string | URL, init?: RequestInit): Promise<TradeSummary | undefined>
  /** What this buyer prepaid: sessions, charges, and L402 tokens. */
  readonly prepaid: readonly PrepaidSummary[]
  /** How each agreement of this buyer stands. */
  readonly trades: readonly TradeSummary[]
  readonly spent: Msat
  /** How the agreements that were closed ended: also there when closing another one failed. */
  readonly closings: readonly Closing[]
  /** Ends one agreement of this buyer, with what runs on it, as `close` does; `undefined` if it has no such one, or its end is known. */
  closeAgreement(id: string, options?: Pick<CloseOptions, 'signal'>): Promise<Closing | undefined>
  /**
   * Closes one session of this buyer, so that what is left of it comes back; `undefined` if it has no such open one.
   * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`: then it is still open
   */
  closeSession(id: string): Promise<PrepaidSummary | undefined>
  /**
   * Ends all agreements: checks the sellers' final statements, and takes what is left back. `keep` leaves them open.
   * @throws StreamError of a seller, once all others are closed; the signal's reason
   */
  close(options?: CloseOptions): Promise<readonly Closing[]>
}

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
  readonly #limits: Limits
  readonly #haggling: Haggling
  readonly #budget: Budget
  readonly #fetch: typeof globalThis.fetch
  readonly #journal: Journal
  readonly #trades: Trades
  readonly #comparing: Promise<Comparing> | undefined
  #wallet: Promise<{ wallet: Wallet; info: NodeIdentity }> | undefined
  readonly #schemes: readonly SchemeName[]
  readonly #maxRisk: Msat
  #prepaid: Prepaid | undefined

  constructor(options: BuyerOptions) {
    void loadRecovery()
    this.#options = options
    this.#schemes = options.schemes ?? ['stream', 'session', 'charge', 'l402']
    this.#maxRisk = toMsat(options.maxRisk ?? sat(50))
    this.#budget = new Budget(toMsat(options.max ?? sat(1000)), options.within)
    this.#limits = readLimits(options.limits)
    const limits = readPrices(options.maxPrice)
    this.#haggling = { strategy: options.strategy ?? acceptUpTo(limits), limits }
    this.#journal = options.journal ?? new MemoryJournal()
    this.#fetch = guardRedirects(
      readingGrpc(byItsOwn(options.fetch ?? globalThis.fetch)),
      options.redirects ?? 'same-origin',
    )
    this.#trades = new Trades({
      ready: () => this.#ready(),
      journal: this.#journal,
      fetch: this.#fetch,
      haggling: this.#haggling,
      ahead: toMsat(options.ahead ?? sat(10)),
      limits: this.#limits,
      stallMs: options.stallMs ?? 30_000,
      insecure: options.insecure === true,
    })
    const sellers = options.sellers && readSellers(options.sellers)
    const counter: Counter = {
      fetch: (url, request, check) => this.#fetchAt(url, request, check),
      price: (url, request) => this.#priceAt(url, request),
      byPlace: this.#trades.byPlace,
      left: this.#trades.left,
      retire: (trade) => this.#trades.retire(trade),
    }
    // A page that buys from one seller does not load it.
    this.#comparing =
      sellers && import('./offers/comparing.ts').then(({ Comparing }) => new Comparing(counter, sellers))
    this.#comparing?.catch(() => {})
    // Clients keep a fetch that they are given as a function of its own, or as one of theirs.
    this.fetch = this.fetch.bind(this)
  }

  get trades(): readonly TradeSummary[] {
    return this.#trades.summaries
  }

  get prepaid(): readonly PrepaidSummary[] {
    return this.#prepaid?.summaries ?? []
  }

  get closings(): readonly Closing[] {
    return this.#trades.closings
  }

  get spent(): Msat {
    return this.#budget.spent
  }

  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const path = this.#pathOf(input)
    if (path === undefined) {
      const { url, request } = await repeatable(input, init)
      return asItCame(await this.#fetchAt(url, request))
    }
    const comparing = (await this.#comparing)!
    const { request } = await repeatable(comparing.urlOf(path), init)
    request.signal?.throwIfAborted()
    return asItCame(await comparing.fetch(path, request))
  }

  async price(input: string | URL, init: RequestInit = {}): Promise<Offer | undefined> {
    const path = this.#pathOf(input)
    if (path !== undefined) return (await this.#comparing)!.price(path, init)
    const { url, request } = await repeatable(input, init)
    return this.#priceAt(url, request)
  }

  /** What is to be compared: not a whole URL. */
  #pathOf(input: string | URL | Request): string | undefined {
    return this.#comparing && typeof input === 'string' && !URL.canParse(input) ? input : undefined
  }

  async #fetchAt(url: string, request: RequestInit, check?: CheckOffer): Promise<Response> {
    const place = placeOf(url)
    const known = this.#trades.byPlace.get(place)
    const held = known && (await this.#trades.agreed(known, request))
    const trade = held?.takes(request) ? held : undefined
    // Where there is room beside the request's own Authorization only a fresh 402 tells.
    if (held && !trade) this.#trades.drop(place, held)
    if (trade && (await unlessAborted(trade.isGood(request.signal ?? undefined), request.signal))) {
      const response = await trade.fetch(url, request)
      if (response.status !== 402) return response
      this.#trades.drop(place, trade)
      return this.#pay(url, request, response, check)
    }
    if (trade) {
      // It is of no more use: its balance comes back while another agreement is made.
      this.#trades.drop(place, trade)
      this.#trades.retire(trade)
    }
    const startedAt = performance.now()
    const response = (await this.#prepaid?.fetch(url, request)) ?? (await this.#send(url, request))
    return response.status === 402 ? this.#pay(url, request, response, check, startedAt) : response
  }

  async #priceAt(url: string, request: RequestInit): Promise<Offer | undefined> {
    const response = await this.#send(url, request)
    await response.body?.cancel().catch(() => {})
    const challenge = streamChallenge(response)
    return challenge && decodeOffer(challenge.request)
  }

  async closeAgreement(id: string, { signal }: Pick<CloseOptions, 'signal'> = {}): Promise<Closing | undefined> {
    return this.#trades.closeOne(id, signal)
  }

  async closeSession(id: string): Promise<PrepaidSummary | undefined> {
    return this.#prepaid?.closeOne(id)
  }

  async agree(input: string | URL, init: RequestInit = {}): Promise<TradeSummary | undefined> {
    const startedAt = performance.now()
    const { url, request } = await repeatable(input, init)
    const response = await this.#send(url, request)
    await response.body?.cancel().catch(() => {})
    const challenge = streamChallenge(response)
    if (!challenge) return undefined
    const at = response.url || url
    const asking = new URL(at).origin === new URL(url).origin ? request : { ...request, headers: {} }
    const trade = this.#trades.tradeFor({ url: at, request: asking, challenge, startedAt })
    return (await this.#trades.agreed(trade, request)).summary()
  }

  close({ keep = false, signal }: CloseOptions = {}): Promise<readonly Closing[]> {
    return this.#trades.close(keep, signal, async (hurry) => {
      if (this.#prepaid) await unlessAborted(this.#prepaid.close(keep), hurry).catch(() => {})
    })
  }

  async #pay(
    url: string,
    request: RequestInit,
    refused: Response,
    check: CheckOffer | undefined,
    startedAt = performance.now(),
  ): Promise<Response> {
    // Whoever asks for money is paid, and gets the credential: after a redirect that is another place.
    const at = refused.url || url
    const isOwn = new URL(at).origin === new URL(url).origin
    const sent = isOwn ? request : forElsewhere(request)
    const offered = this.#schemes.includes('stream') ? streamChallenge(refused) : undefined
    const challenge = offered && hasRoom(sent, offered) ? offered : undefined
    let isWithoutRoom = offered !== challenge
    // Sellers that are compared are compared by what they ask for use.
    if (!check && (!challenge || this.#schemes[0] !== 'stream')) {
      const prepaid = await this.#prepaying()
      const options = prepaid?.options(refused) ?? []
      const best = options.find((option) => hasRoom(sent, option.challenge))?.scheme
      isWithoutRoom ||= options.length > 0
      const isFirst = best && (!challenge || this.#schemes.indexOf(best) < this.#schemes.indexOf('stream'))
      // A payment that is called off goes on, and what it bought is there for the next request.
      if (isFirst) return unlessAborted(prepaid!.pay(at, sent, refused, isOwn), request.signal)
    }
    if (!challenge && !isWithoutRoom) return refused
    await refused.body?.cancel().catch(() => {})
    if (!challenge) throw noRoom(at)
    const asking = isOwn ? sent : { ...sent, headers: {} }
    const agreeing = this.#trades.tradeFor({ url: at, request: asking, challenge, startedAt }, check)
    const trade = await this.#trades.agreed(agreeing, request)
    trade.offered(challenge)
    const response = await trade.fetch(at, sent, isOwn)
    const asked = response.status === 402 ? streamChallenge(response) : undefined
    if (!asked) return response
    const problem = fromProblem(await readJson(response).catch(() => undefined))
    // Where too little was paid in time, the seller keeps to its terms.
    if (problem?.code === 'payment-insufficient' || problem?.code === 'grace-exceeded') throw trade.error ?? problem
    throw this.#askedAgain(trade, decodeOffer(asked.request))
  }

  /** A seller that asks for other terms than those it agreed on a moment ago, and delivers nothing on them. */
  #askedAgain(trade: Trade, offer: Offer): StreamError {
    const { paid, received, agreement } = trade.summary()
    const details = { agreement, paid: `${paid}`, received: `${received}` }
    const { strategy, limits } = this.#haggling
    const answer = applyStrategy(strategy, offer, { round: 0 }, limits)
    const now = formatAsked(offer)
    if ('refuse' in answer && answer.refuse !== 'strategy-failed') {
      return new StreamError(answer.refuse, `in the middle of an agreement the seller asks ${now}`, details)
    }
    return new StreamError('seller-failed', `the seller does not keep to its agreement, and asks ${now}`, details)
  }

  /** A page that only pays by use does not load it. */
  async #prepaying(): Promise<Prepaid | undefined> {
    if (this.#schemes.every((scheme) => scheme === 'stream')) return undefined
    const { Prepaid } = await import('./schemes/prepaid.ts')
    this.#prepaid ??= new Prepaid({
      ready: () => this.#ready(),
      send: (url, request) => this.#send(url, request),
      insecure: this.#options.insecure === true,
      schemes: this.#schemes,
      maxRisk: this.#maxRisk,
      prices: this.#haggling.limits,
      onChange: (summary) => this.#options.onPrepaid?.(summary),
    })
    return this.#prepaid
  }

  #ready(): Promise<{ wallet: Wallet; info: NodeIdentity }> {
    this.#wallet ??= (async () => {
      const node = await this.#options.node
      const info = node.identity ?? (await node.info())
      const feePerMille = BigInt(Math.round((this.#options.maxFeePercent ?? 3) * 10))
      const wallet: Wallet = {
        node,
        payer: payerOf(info),
        journal: this.#journal,
        budget: this.#budget,
        limits: this.#limits,
        onNear: (uses) => {
          for (const use of uses) this.#options.onLimitNear?.(use)
        },
        pace: paceOf(node),
        feePerMille,
      }
      return { wallet, info }
    })()
    return this.#wallet
  }

  async #send(url: string, request: RequestInit): Promise<Response> {
    request.signal?.throwIfAborted()
    try {
      return await this.#fetch(url, request)
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason
      throw unreachable(url, error)
    }
  }
}

function readPrices(prices: BuyerOptions['maxPrice']): Price[] {
  if (prices === undefined) return []
  const list = Array.isArray(prices) ? (prices as ReadonlyArray<string | Price>) : [prices as string | Price]
  return list.map((price) => (typeof price === 'string' ? parsePrice(price) : price))
}

function readLimits(limits: BuyerOptions['limits'] = {}): Limits {
  const given = LIMIT_NAMES.flatMap((name) =>
    limits[name] === undefined ? [] : [[name, toMsat(limits[name])] as const],
  )
  return Object.fromEntries(given)
}
