import { StreamError } from '../errors/error.ts'
import type { PriceSpec } from '../money/tariff.ts'
import { failure } from '../seller/adapters/refusals.ts'
import { withHeaders } from '../seller/adapters/withHeaders.ts'
import { GRACE_MS, type PaidHandler, PricedRoute } from '../seller/paywall.ts'
import { type Shown, shownBy } from '../seller/schemes/shown.ts'
import type { Seller } from '../seller/seller.ts'
import { INTENT } from '../wire/challenge.ts'
import { parseAnyCredential, parseCredential } from '../wire/credential.ts'
import { NO_COST } from '../wire/receipt.ts'
import { hagglingOf } from './config/negotiate.ts'
import type { RouteConfig } from './config/schema.ts'
import type { Allowance } from './config/values.ts'
import { FreeAllowance, freeMeter } from './free.ts'
import { askedAt, currencies } from './prices.ts'
import type { Rates } from './rates/rates.ts'
import { playSpec } from './video/playing.ts'
import { isVideo } from './video/route.ts'
import type { Film } from './video/source.ts'
import { QualityWalls } from './video/walls.ts'

/** One route of a gateway, as others see it. */
export interface GatewayRoute {
  readonly name: string
  readonly config: RouteConfig
  readonly seller: Seller
  /** `undefined` where everything is free, and until the first rate is known. */
  readonly priced: PricedRoute | undefined
  /** For people. */
  readonly title: string
  /** What can be watched, by paths below the fixed part of the route's; `undefined` where that is nothing, or not ready. */
  readonly films: readonly Film[] | undefined
}

/** A route that serves: its wall, its free requests, and what it sells. */
export class ServingRoute implements GatewayRoute {
  readonly name: string
  readonly seller: Seller
  config: RouteConfig
  handler: PaidHandler
  #priced: PricedRoute | undefined
  /** Of what has a price of its own within the route. */
  readonly #qualities: QualityWalls
  #rates: Rates
  #free: { readonly allowance: Allowance; readonly taken: FreeAllowance } | undefined
  /** Set by hand, in the place of the configured price, until that changes. */
  #override: PriceSpec | undefined

  constructor(name: string, seller: Seller, config: RouteConfig, rates: Rates, handler: PaidHandler) {
    this.name = name
    this.seller = seller
    this.config = config
    this.handler = handler
    this.#rates = rates
    this.#qualities = new QualityWalls(seller, name)
    this.configure(config, rates, handler)
  }

  get priced(): PricedRoute | undefined {
    return this.#priced
  }

  get title(): string {
    return this.config.title ?? this.config.description ?? this.name
  }

  get films(): readonly Film[] | undefined {
    return 'films' in this.handler && typeof this.handler.films === 'function' ? this.handler.films() : undefined
  }

  /** Takes a changed configuration: agreements stay, at their price. @throws StreamError `price-invalid`, `amount-invalid` */
  configure(config: RouteConfig, rates: Rates, handler: PaidHandler): void {
    if (JSON.stringify(config.price) !== JSON.stringify(this.config.price)) this.#override = undefined
    this.config = config
    this.handler = handler
    this.#rates = rates
    const { free } = config
    if (JSON.stringify(free) !== JSON.stringify(this.#free?.allowance)) {
      this.#free = free && { allowance: free, taken: new FreeAllowance(free, this.seller.trustProxy) }
    }
    this.reprice()
  }

  setPrice(price: PriceSpec): void {
    if (!this.#priced) throw new StreamError('option-invalid', `${this.name} is free`)
    const asked = this.config.video === undefined ? price : playSpec(price)
    this.#priced.setTerms({ price: asked })
    this.#override = asked
  }

  /** Asks what the configuration and the rates of now come to. @throws StreamError `price-invalid`, `amount-invalid` */
  reprice(): void {
    if (this.config.price === 'free') {
      this.close()
      return
    }
    const asked = this.#termsAt(this.config.price)
    if (!asked) return
    const terms = { ...asked, price: this.#override ?? asked.price }
    if (this.#priced) this.#priced.setTerms({ description: '', ...terms })
    else this.#priced = new PricedRoute(this.seller, { scope: this.name, ...terms })
    this.#qualities.configure(this.config.qualities ?? [], (price) => this.#termsAt(price) ?? asked)
  }

  /** What is asked at a price; `undefined` while a rate is missing. What a changed configuration leaves out is at its default again. */
  #termsAt(price: Exclude<RouteConfig['price'], 'free'>) {
    const { smallestPayment, grace, video, negotiate, schemes, allowance, credentialHeader } = this.config
    const asked = askedAt({ ...this.config, price }, this.#rates)
    return (
      asked && {
        ...{ credit: '0 sat', smallestPayment: smallestPayment ?? '1 sat', ...asked },
        price: video === undefined ? asked.price : playSpec(asked.price),
        ...hagglingOf(negotiate, video !== undefined),
        graceMs: grace ?? GRACE_MS,
        schemes,
        allowance,
        credentialHeader,
      }
    )
  }

  /** @param onServe told when what is sold is asked for it */
  async answer(request: Request, onServe: () => void): Promise<Response> {
    const handler: PaidHandler = (passed, meter) => {
      onServe()
      return this.handler(passed, meter)
    }
    const credential = shownBy(request, this.config.schemes?.includes('l402') ?? false)
    if (this.config.price === 'free') {
      const response = await handler(request, freeMeter(request))
      return credential === undefined ? response : gratis(response)
    }
    // Playlists cost nothing; what goes on between the two sides of an agreement is the wall's to answer.
    const video = isVideo(this.handler) ? this.handler : undefined
    const playlist = isPaying(credential) ? await video?.free(request) : undefined
    if (playlist) return credential === undefined ? playlist : gratis(playlist)
    if (credential === undefined && this.#free) {
      const giveBack = this.#free.taken.take(request)
      if (giveBack) {
        const response = await handler(request, freeMeter(request))
        if (!response.ok) giveBack()
        return response
      }
    }
    const priced = this.#qualities.of(video?.quality(request)) ?? this.#priced
    if (!priced || (this.#isStale() && startsSomething(credential))) return stale(this.name)
    return priced.handle(handler, request)
  }

  close(): void {
    this.#qualities.close()
    this.#priced?.close()
    this.#priced = undefined
  }

  #isStale(): boolean {
    return currencies(this.config).some((currency) => !this.#rates.fresh(currency))
  }
}

/** Tells a buyer, which sent the credential of another route of the same path, that nothing of its agreement was used (spec section 5). */
function gratis(response: Response): Response {
  return response.ok ? withHeaders(response, (headers) => headers.set(...NO_COST)) : response
}

/** Whether the request is for what is sold, with a credential or without one. */
function isPaying(credential: Shown | undefined): boolean {
  if (credential?.kind !== 'payment') return true
  const action = actionOf(credential)
  return action === 'use' || action === 'bearer'
}

/** What a credential of `Payment` asks for, in the words of its intent; `undefined` for what says nothing, or cannot be read. */
function actionOf({ text }: Shown): unknown {
  try {
    return parseAnyCredential(text).payload.action
  } catch {
    return undefined
  }
}

/** Whether the request asks for terms or accepts them: what goes on an agreement goes on at that one's price. */
function startsSomething(credential: Shown | undefined): boolean {
  if (!credential) return true
  if (credential.kind !== 'payment') return false
  try {
    const { challenge, payload } = parseAnyCredential(credential.text)
    return challenge.intent === INTENT && parseCredential(credential.text) && payload.action === 'accept'
  } catch {
    return true
  }
}

const stale = (name: string): Response => {
  const response = failure(new StreamError('rate-stale', `the exchange rate behind the price of ${name} is too old`))
  response.headers.set('retry-after', '60')
  return response
}
