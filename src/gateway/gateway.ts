import { unlessAborted } from '../errors/aborted.ts'
import { StreamError, toStreamError } from '../errors/error.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PriceSpec } from '../money/tariff.ts'
import { failure } from '../seller/adapters/refusals.ts'
import { knownBody } from '../seller/adapters/response.ts'
import type { PaidHandler } from '../seller/paywall.ts'
import { scopeOfSession } from '../seller/schemes/session.ts'
import { shownBy } from '../seller/schemes/shown.ts'
import { Seller, type SellerOptions } from '../seller/seller.ts'
import { plain } from '../seller/sources/plain.ts'
import type { GatewayConfig, RouteConfig } from './config/schema.ts'
import { discovery, originOf } from './discovery/discovery.ts'
import { type GatewayEvent, type Happening, watchBody, withRoute } from './events.ts'
import { routeNames, routeOfScope } from './names.ts'
import { checkTerms, currencies } from './prices.ts'
import { Rates } from './rates/rates.ts'
import { type GatewayRoute, ServingRoute } from './route.ts'
import { type Found, Router } from './routes/router.ts'
import { type Purpose, purposeOf } from './routes/scope.ts'
import { letGo, type SourceMaker, sourceOf } from './sources.ts'
import type { RecipientNode } from './split/split.ts'
import { Splits } from './split/splits.ts'
import type { Standing } from './split/store.ts'
import { isVideo } from './video/route.ts'

export type { GatewayConfig, RouteConfig } from './config/schema.ts'
export type { GatewayEvent } from './events.ts'
export type { GatewayRoute } from './route.ts'

/** What a gateway is made of besides its configuration. */
export interface GatewayParts {
  /**
   * The seller of a node: the gateway's own for `undefined`, else the one that a route's `payee` names. What it returns is the caller's to
   * close after the gateway.
   */
  readonly openSeller: (node: string | undefined) => Promise<OpenedSeller>
  /** Opens the node of a recipient of a split, to make invoices; the gateway closes it. None by default: no route can be split. */
  readonly openRecipient?: (node: string) => Promise<RecipientNode>
  /** Makers of what routes sell, asked before the gateway's own. None by default. */
  readonly sources?: readonly SourceMaker[]
  /**
   * Pages for people. Asked for every path below `/.stream/`, which no route gets; and wherever a browser goes, with the answer of the
   * route that it came to, to be shown in that one's place. Status and challenge of a 402 stay. No pages by default.
   */
  readonly pages?: (request: Request, answer?: Answer) => Response | undefined | Promise<Response | undefined>
  /** Calls the opening off: it rejects with the signal's reason, and what opens after that is closed. None by default. */
  readonly signal?: AbortSignal
}

/** What a browser would get without a page. */
export interface Answer {
  /** `undefined` where no route takes the request. */
  readonly route: GatewayRoute | undefined
  readonly status: number
}

/** A seller as its opener hands it over. */
export interface OpenedSeller extends Omit<SellerOptions, 'onEvent' | 'trustProxy'> {
  /** The file of what recipients of splits have earned, beside the ledger. Without one no route of this seller can be split. */
  readonly payouts?: string
}

const RESERVED = '/.stream/'

/**
 * Sells what lies behind its routes, each at its own price.
 * @example
 * const gateway = await Gateway.open(await readConfigFile('streampay.config.yaml'), { openSeller: async () => ({ node }) })
 * await serve((request) => gateway.handle(request), { port: 2402 })
 */
export class Gateway {
  readonly #parts: GatewayParts
  readonly #sellers = new Map<string | undefined, Promise<Seller>>()
  readonly #byLedger = new Map<Ledger, Seller>()
  readonly #splits: Splits
  readonly #listeners = new Set<(event: GatewayEvent) => void>()
  #config: GatewayConfig
  #routes: readonly ServingRoute[] = []
  #router = new Router<ServingRoute>([])
  #rates: Rates | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(config: GatewayConfig, parts: GatewayParts) {
    this.#config = config
    this.#parts = parts
    this.#splits = new Splits({
      openNode: parts.openRecipient,
      onEvent: (event) => this.#emit(event),
      onError: (error) => this.#emit({ type: 'error', error: toStreamError(error) }),
    })
  }

  /**
   * @param onEvent as `onEvent` later, from the very first event on
   * @throws StreamError `config-invalid` where something that the configuration names is not there, `price-invalid`, `node-…`
   */
  static async open(
    config: GatewayConfig,
    parts: GatewayParts,
    onEvent?: (event: GatewayEvent) => void,
  ): Promise<Gateway> {
    const gateway = new Gateway(config, parts)
    if (onEvent) gateway.#listeners.add(onEvent)
    const { signal } = parts
    signal?.throwIfAborted()
    const applying = gateway.#apply(config)
    try {
      await unlessAborted(applying, signal)
    } catch (error) {
      const closed = applying.catch(() => {}).then(() => gateway.close())
      // Nodes that are being opened may take as long as they like.
      if (signal?.aborted) closed.catch(() => {})
      else await closed
      throw error
    }
    return gateway
  }

  get config(): GatewayConfig {
    return this.#config
  }

  get routes(): readonly GatewayRoute[] {
    return this.#routes
  }

  /** @throws StreamError `ledger-failed` */
  get recipients(): readonly Standing[] {
    return this.#splits.standings
  }

  /** The seller of the gateway's own node. */
  get seller(): Promise<Seller> {
    return this.#sellerOf(undefined)
  }

  /** Answers a request; never rejects. */
  async handle(request: Request): Promise<Response> {
    const startedAt = performance.now()
    const asked: Asked = { route: undefined, served: false }
    const response = await this.#answer(request, asked).catch((error: unknown) => {
      const known = toStreamError(error)
      if (known.status >= 500 && !request.signal.aborted)
        this.#emit({ type: 'error', error: known, ...(asked.route !== undefined && { route: asked.route }) })
      return failure(error)
    })
    // What passes between buyer and seller about an agreement is no request for what is sold.
    const control =
      !asked.served && response.ok && (request.headers.has('authorization') || shownBy(request) !== undefined)
    if (this.#listeners.size === 0 || control) return response
    const { status } = response
    const { route } = asked
    const tell = (bytes: number) =>
      this.#emit({ type: 'request', route, status, ms: performance.now() - startedAt, bytes })
    const known = knownBody(response)
    if (known === undefined) return watchBody(response, tell)
    tell(known ? Buffer.byteLength(known) : 0)
    return response
  }

  /**
   * Takes another configuration, whole or not at all. Agreements stay as they are, also those of routes that are gone: they come back with
   * their route. `listen` and `node` take a new start.
   * @throws StreamError as `open`; the old configuration stays
   */
  async reload(config: GatewayConfig): Promise<void> {
    const turn = this.#turn.then(async () => {
      try {
        await this.#apply(config)
      } catch (error) {
        this.#emit({ type: 'reload-failed', error: toStreamError(error) })
        throw error
      }
      const members = ['listen', 'node', 'dashboard', 'webhooks'] as const
      const ignored = members.filter((name) => JSON.stringify(config[name]) !== JSON.stringify(this.#config[name]))
      this.#config = config
      this.#emit({ type: 'reloaded', routes: this.#routes.map(({ name }) => name), ignored })
    })
    this.#turn = turn.catch(() => {})
    await turn
  }

  /** @throws StreamError `option-invalid` for a route that is unknown or free, `price-invalid`, `amount-invalid` */
  setPrice(routeName: string, price: PriceSpec): void {
    const route = this.#routes.find(({ name }) => name === routeName)
    if (!route) throw new StreamError('option-invalid', `there is no route "${routeName.slice(0, 60)}"`)
    route.setPrice(price)
  }

  /** Tells what happens. Returns what ends that. */
  onEvent(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends the sellers; nodes and ledgers are their opener's to close. */
  async close(): Promise<void> {
    this.#rates?.close()
    for (const route of this.#routes) route.close()
    await Promise.all(this.#routes.map(({ handler }) => letGo(handler)))
    for (const seller of await Promise.allSettled(this.#sellers.values())) {
      if (seller.status === 'fulfilled') await seller.value.close()
    }
    await this.#splits.close()
  }

  /** The route that a request takes, and the request as it is to be read. */
  async find(request: Request): Promise<Found<ServingRoute>> {
    if (this.#router.conditional) {
      // What makes terms, or speaks of an agreement or a session, comes without the headers and the body that chose the route.
      const purpose = purposeOf(request)
      const scope = purpose && (await this.#scopeOf(purpose))
      const route = scope !== undefined && this.#routes.find(({ name }) => name === routeOfScope(scope))
      if (route) return { route, request }
      // Of a session that nobody knows some wall has to say so.
      if (purpose?.kind === 'session') return this.#router.find(request, true)
    }
    return this.#router.find(request)
  }

  async #scopeOf(purpose: Purpose): Promise<string | undefined> {
    if (purpose.kind === 'scope') return purpose.scope
    if (purpose.kind === 'use') return undefined
    for (const opened of this.#sellers.values()) {
      const seller = await opened
      const scope = await scopeOfSession(seller, purpose.challenge, purpose.sessionId)
      if (scope !== undefined) return scope
    }
    return undefined
  }

  async #answer(request: Request, asked: Asked): Promise<Response> {
    const { pages } = this.#parts
    const url = new URL(request.url)
    const { discovery: tells, listen } = this.#config
    const tell = (path: string, status?: number) =>
      tells ? discovery(request, originOf(request, url, listen.trustProxy), path, this.#routes, status) : undefined
    if (url.pathname.startsWith(RESERVED)) {
      return tell(url.pathname.slice(RESERVED.length - 1)) ?? (await pages?.(request)) ?? plain(404, 'not found')
    }
    const found = await this.find(request)
    const route = 'route' in found ? found.route : undefined
    const response = 'route' in found ? await this.#serve(found, asked) : refusal(found)
    const told = tell(url.pathname, response.status)
    if (told) {
      response.body?.cancel().catch(() => {})
      return told
    }
    if (!pages || !wantsPage(request)) return response
    const page = await pages(request, { route, status: response.status })
    return page ? inPlaceOf(response, page) : response
  }

  #serve({ route, request }: { route: ServingRoute; request: Request }, asked: Asked): Promise<Response> {
    asked.route = route.name
    return route.answer(request, () => {
      asked.served = true
    })
  }

  /** All that can fail comes first; then the change happens at once. */
  async #apply(config: GatewayConfig): Promise<void> {
    const names = routeNames(config.routes)
    const rates = await Rates.open(
      config.rates,
      (currency) => this.#reprice(currency),
      (error) => this.#emit({ type: 'error', error }),
    )
    try {
      const next = await Promise.all(
        config.routes.map(async (route, index) => {
          const name = names[index]!
          checkTerms(name, route, rates)
          return { route, name, handler: this.#source(route, name), seller: await this.#sellerOf(route.payee?.node) }
        }),
      )
      this.#splits.prepare(next)
      this.#swap(next, rates)
      this.#splits.configure(next, config.recipients)
    } catch (error) {
      rates.close()
      throw error
    }
  }

  #swap(next: readonly NextRoute[], rates: Rates): void {
    const before = this.#routes
    const replaced = before.map(({ handler }) => handler)
    const kept = ({ name, seller }: NextRoute) => before.find((route) => route.name === name && route.seller === seller)
    const staying = new Set(next.map(kept))
    // First those that go: a route that moved to another seller leaves its name.
    for (const route of before) if (!staying.has(route)) route.close()
    this.#routes = next.map((each) => {
      const route = kept(each)
      if (!route) return new ServingRoute(each.name, each.seller, each.route, rates, each.handler)
      route.configure(each.route, rates, each.handler)
      return route
    })
    this.#router = new Router(this.#routes.map((route) => [route.config, route]))
    this.#rates?.close()
    this.#rates = rates
    const used = new Set(this.#routes.map(({ handler }) => handler))
    for (const handler of replaced) if (!used.has(handler)) void letGo(handler)
  }

  #source(route: RouteConfig, name: string): PaidHandler {
    const old = this.#routes.find((each) => each.name === name)
    // A film is packaged once, and not at every change of the file; one that could not be is tried again.
    if (old && isVideo(old.handler) && sameFilm(old.config, route) && !old.handler.hasFailed()) return old.handler
    try {
      for (const make of this.#parts.sources ?? []) {
        const handler = make({ ...route, name })
        if (handler) return handler
      }
      return sourceOf(route)
    } catch (error) {
      const { code, message } = toStreamError(error)
      throw new StreamError(code, `route ${name}: ${message}`, {}, error)
    }
  }

  #reprice(currency: string): void {
    for (const route of this.#routes) {
      if (!currencies(route.config).includes(currency)) continue
      try {
        route.reprice()
      } catch (error) {
        this.#emit({ type: 'error', error: toStreamError(error), route: route.name })
      }
    }
  }

  #sellerOf(node: string | undefined): Promise<Seller> {
    const known = this.#sellers.get(node)
    if (known) return known
    const { trustProxy } = this.#config.listen
    const opened = this.#parts
      .openSeller(node)
      .then(({ payouts, ...options }) => this.#sellerWith({ ...options, trustProxy }, payouts))
    this.#sellers.set(node, opened)
    // One that could not be opened is tried again by the next configuration.
    opened.catch(() => this.#sellers.delete(node))
    return opened
  }

  #sellerWith(options: SellerOptions, payouts: string | undefined): Seller {
    // One node named in two ways: two sellers on one ledger would each miss what is paid to the other.
    const known = options.ledger && this.#byLedger.get(options.ledger)
    if (known) return known
    const split = this.#splits.make(payouts)
    const seller = new Seller({
      ...options,
      onEvent: (event) => {
        // First: an agreement of a split route is in its book before anything is delivered on it.
        split.onEvent(event)
        this.#emit(withRoute(event))
      },
    })
    if (options.ledger) this.#byLedger.set(options.ledger, seller)
    this.#splits.add(seller, split)
    return seller
  }

  #emit(event: Happening): void {
    const told: GatewayEvent = { ...event, atMs: Date.now() }
    for (const listener of this.#listeners) listener(told)
  }
}

/** What became of a request. */
interface Asked {
  route: string | undefined
  served: boolean
}

interface NextRoute {
  readonly route: RouteConfig
  readonly name: string
  readonly handler: PaidHandler
  readonly seller: Seller
}

/** Whether a route goes on with the film that it has: prices may change. */
function sameFilm(before: RouteConfig, after: RouteConfig): boolean {
  const film = ({ video, path, qualities }: RouteConfig) =>
    JSON.stringify([video, path, qualities?.map(({ height }) => height)])
  return film(before) === film(after)
}

/** A browser that goes to a page, and not a program that fetches. */
const wantsPage = (request: Request): boolean =>
  request.method === 'GET' &&
  /\btext\/html\b/.test(request.headers.get('accept') ?? '') &&
  !request.headers.has('authorization') &&
  shownBy(request) === undefined

const refusal = (found: { readonly status: 404 } | { readonly status: 405; readonly allow: string }): Response =>
  found.status === 405 ? plain(405, `only ${found.allow}`, { allow: found.allow }) : plain(404, 'not found')

/** A page in the place of an answer; of a 402 the status and the challenge stay. */
function inPlaceOf(answer: Response, page: Response): Response {
  answer.body?.cancel().catch(() => {})
  const headers = new Headers(page.headers)
  const challenge = answer.headers.get('www-authenticate')
  if (challenge !== null) headers.set('www-authenticate', challenge)
  headers.set('cache-control', 'no-store')
  headers.append('vary', 'accept')
  return new Response(page.body, { status: answer.status === 402 ? 402 : page.status, headers })
}
