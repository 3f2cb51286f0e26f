import { unlessAborted } from '../../errors/aborted.ts'
import { type ErrorCode, EXIT } from '../../errors/codes.ts'
import { StreamError, toStreamError } from '../../errors/error.ts'
import { type Counts, formatAsked } from '../../money/tariff.ts'
import { cheapestFirst, EXPECTED, isWorthLeaving } from '../../terms/choose.ts'
import type { Offer } from '../../terms/terms.ts'
import type { Trade } from '../trade/trade.ts'
import type { CheckedSellers, SellerNews } from './sellers.ts'

/** Looks at an offer before it is haggled about, and throws where it is not to be. */
export type CheckOffer = (offer: Offer) => void

/** What of a buyer is needed to buy at one seller and leave for another. */
export interface Counter {
  fetch(url: string, request: RequestInit, check: CheckOffer): Promise<Response>
  price(url: string, request: RequestInit): Promise<Offer | undefined>
  /** What pays for a place, by origin and path. */
  readonly byPlace: Map<string, Promise<Trade>>
  /** Trades that nothing new is to be bought on. */
  readonly left: Set<Trade>
  /** Closes a trade, and has its balance paid back. */
  retire(trade: Trade): void
}

interface Place {
  readonly base: string
  payee: string | undefined
  offer: Offer | undefined
  /** Not bought from until then; monotonic ms. */
  outUntilMs: number
  /** Why it was not bought from last. */
  error: StreamError | undefined
}

const LOOK_TIMEOUT_MS = 10_000
/** A seller that failed is asked again after this long. */
const REST_MS = 10_000
const GATEWAY_STATUS = [502, 503, 504]
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']
/** What comes before a request is begun: whatever its method, the next seller may have it. */
const BEFORE: readonly ErrorCode[] = [
  ...(['price-too-high', 'unit-mismatch', 'rounds-exhausted', 'terms-refused', 'offer-expired'] as const),
  ...(['challenge-malformed', 'challenge-invalid', 'network-mismatch', 'too-many-agreements', 'rate-limited'] as const),
  ...(['seller-changed', 'transport-insecure', 'redirect-refused'] as const),
]
/** What no other seller would mend. */
const OWN: readonly ErrorCode[] = [
  ...(['strategy-failed', 'budget-exhausted', 'balance-insufficient', 'interrupted', 'internal'] as const),
]

/**
 * Buys each request from one of several sellers of the same thing: from the cheapest at first, by what each lists; and from another when
 * one is cheaper by enough, or this one fails. An agreement that is left is closed, and its balance comes back. Haggling is with
 * one at a time, the cheapest first. At most one try at each seller for a request.
 */
export class Comparing {
  readonly #counter: Counter
  readonly #places: readonly Place[]
  readonly #lookAgainMs: number
  readonly #betterBy: number
  readonly #expected: Counts
  readonly #onNews: (news: SellerNews) => void
  #current: Place | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(counter: Counter, sellers: CheckedSellers) {
    const { urls, lookAgainMs, betterBy, expected, onNews } = sellers
    this.#counter = counter
    this.#places = urls.map((base) => ({
      base,
      payee: undefined,
      offer: undefined,
      outUntilMs: 0,
      error: undefined,
    }))
    this.#lookAgainMs = lookAgainMs
    this.#betterBy = betterBy
    this.#expected = { ...EXPECTED, ...expected }
    this.#onNews = onNews
  }

  /** Where a path is at the first seller. */
  urlOf(path: string): string {
    return join(this.#places[0]!.base, path)
  }

  /** @throws StreamError what the first seller that was tried failed with; where none can be tried, what one of them failed with before */
  async fetch(path: string, request: RequestInit): Promise<Response> {
    await unlessAborted(this.#choose(path, request), request.signal)
    let failure: unknown
    for (const place of this.#order()) {
      try {
        const response = await this.#counter.fetch(join(place.base, path), request, (offer) =>
          checkPayee(place.base, offer, place.payee),
        )
        if (!GATEWAY_STATUS.includes(response.status) || !isIdempotent(request)) return this.#took(place, response)
        await response.body?.cancel().catch(() => {})
        throw new StreamError('seller-failed', `the seller answered ${response.status}`, {
          status: `${response.status}`,
        })
      } catch (error) {
        if (request.signal?.aborted || !mayGoOn(error, request)) throw error
        failure ??= error
        await this.#rest(place, toStreamError(error))
      }
    }
    throw (
      failure ??
      this.#places.find(({ error }) => error)?.error ??
      new StreamError('seller-unreachable', 'no seller is left')
    )
  }

  /** The offer of the seller that would be bought from. */
  async price(path: string, request: RequestInit): Promise<Offer | undefined> {
    await unlessAborted(this.#look(path, request), request.signal)
    return this.#order()[0]?.offer
  }

  #took(place: Place, response: Response): Response {
    if (this.#current !== place) {
      this.#current = place
      this.#tell('chosen', place)
    }
    return response
  }

  /** Looks around where it is time to, and leaves for a cheaper seller where there is one. */
  async #choose(path: string, request: RequestInit): Promise<void> {
    const current = this.#current
    const agreed = current && (await this.#tradesAt(current)).at(-1)
    const isOld = performance.now() - this.#lookedAtMs >= this.#lookAgainMs
    if (current && !isOld && !agreed?.inDoubt && !this.#isOut(current)) return
    await this.#look(path, request)
    if (!current || this.#current !== current) return
    const [best] = this.#order(false)
    if (this.#isOut(current) || !best || best === current || !best.offer) return
    const own = agreed?.agreement ?? current.offer
    if (!own || !isWorthLeaving(own, best.offer, this.#betterBy, this.#expected)) return
    await this.#leave(current)
  }

  /** One look at a time: requests that come together share it, and one that is called off does not end it for the others. */
  #look(path: string, request: RequestInit): Promise<void> {
    this.#looking ??= this.#askAll(path, request).finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #askAll(path: string, { method = 'GET' }: RequestInit): Promise<void> {
    const now = performance.now()
    const asked = this.#places.filter(({ outUntilMs }) => outUntilMs <= now)
    await Promise.all(
      asked.map(async (place) => {
        const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS)
        try {
          const offer = await this.#counter.price(join(place.base, path), { method, signal })
          if (offer) checkPayee(place.base, offer, place.payee)
          place.payee ??= offer?.payee
          place.offer = offer
        } catch (error) {
          const late = new StreamError('seller-unreachable', `nothing was answered within ${LOOK_TIMEOUT_MS} ms`)
          await this.#rest(place, signal.aborted ? late : toStreamError(error))
        }
      }),
    )
    this.#lookedAtMs = performance.now()
  }

  /** Whom to try, one after the other: who has the agreement, then the cheapest first, then those that named no price. */
  #order(currentFirst = true): Place[] {
    const open = this.#places.filter((place) => !this.#isOut(place))
    const priced = cheapestFirst(
      open.filter(({ offer }) => offer),
      ({ offer }) => offer!,
      this.#expected,
    )
    const all = [...priced, ...open.filter(({ offer }) => !offer)]
    const current = this.#current
    return currentFirst && current && all.includes(current) ? [current, ...all.filter((each) => each !== current)] : all
  }

  async #leave(place: Place): Promise<void> {
    this.#current = undefined
    this.#tell('left', place)
    await this.#close(place)
  }

  async #rest(place: Place, error: StreamError): Promise<void> {
    // Whose node is another one is no more who was chosen.
    place.outUntilMs = error.code === 'seller-changed' ? Number.POSITIVE_INFINITY : performance.now() + REST_MS
    place.error = error
    if (this.#current === place) this.#current = undefined
    this.#tell('out', place, error)
    await this.#close(place)
  }

  /** Closes the agreements with a seller, once nothing is read on them. */
  async #close(place: Place): Promise<void> {
    const { byPlace, left } = this.#counter
    for (const trade of await this.#tradesAt(place)) {
      left.add(trade)
      for (const [key, known] of byPlace) if ((await known.catch(() => {})) === trade) byPlace.delete(key)
      void trade.idle().then(() => this.#counter.retire(trade))
    }
  }

  /** What pays for requests to a seller. */
  async #tradesAt({ base }: Place): Promise<Trade[]> {
    const own = [...this.#counter.byPlace].filter(([place]) => isBelow(place, base))
    const trades = await Promise.all(own.map(([, trade]) => trade.catch(() => undefined)))
    return [...new Set(trades.filter((trade) => trade !== undefined))]
  }

  #isOut({ outUntilMs }: Place): boolean {
    return outUntilMs > performance.now()
  }

  #tell(type: SellerNews['type'], { base, offer }: Place, error?: StreamError): void {
    this.#onNews({ type, url: base, ...(offer && { asks: formatAsked(offer) }), ...(error && { error }) })
  }
}

/** Whether the next seller may have a request that failed at one. */
function mayGoOn(error: unknown, request: RequestInit): boolean {
  const { code, exitCode } = toStreamError(error)
  if (OWN.includes(code) || exitCode === EXIT.usage) return BEFORE.includes(code)
  return BEFORE.includes(code) || isIdempotent(request)
}

const isIdempotent = ({ method = 'GET' }: RequestInit): boolean => IDEMPOTENT.includes(method.toUpperCase())

/** What was given as a path, at a seller. */
const join = (base: string, path: string): string =>
  path === '' || /^[/?]/.test(path) ? base + path : `${base}/${path}`

/** @throws StreamError `seller-changed` */
function checkPayee(url: string, { payee }: Offer, known: string | undefined): void {
  if (known === undefined || payee === known) return
  throw new StreamError('seller-changed', `${new URL(url).origin} is paid at another node than before`, {
    payee,
    known,
  })
}

/** Whether a place (origin and path) lies at or below the base of a seller. */
function isBelow(place: string, base: string): boolean {
  const { origin, pathname } = new URL(base)
  const start = (origin + pathname).replace(/\/$/, '')
  return place === start || place.startsWith(`${start}/`)
}
