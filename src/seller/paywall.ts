import { StreamError, toStreamError } from '../errors/error.ts'
import { type Msat, sat, toMsat } from '../money/msat.ts'
import { type Price, parsePrice } from '../money/price.ts'
import { fixedCredit, NO_CREDIT } from '../terms/credit.ts'
import { fixed, type SellerPolicy } from '../terms/policy.ts'
import type { Credit, Offer } from '../terms/terms.ts'
import { parseCredential } from '../wire/credential.ts'
import { encodeReceipt } from '../wire/receipt.ts'
import type { Account } from './account.ts'
import { accept, CounterOffer, close, invoices, returnBalance } from './actions.ts'
import { Challenger } from './challenger.ts'
import { Delivery, type Meter } from './delivery.ts'
import { Seller, type SellerOptions } from './seller.ts'
import { watchResponse } from './watch.ts'

/** A service: any function from a Request to a Response. The second argument meters what is sold. */
export type PaidHandler = (request: Request, meter: Meter) => Response | Promise<Response>
export type Handler = (request: Request) => Promise<Response>

export interface WallOptions {
  /** What it costs, as people write it: "1 sat/MiB", "10 sat/second", "1 sat/1k tokens", "2 sat/request". */
  readonly price: string | Price
  /** What may be delivered unpaid; nothing by default, so that a stranger pays first. */
  readonly credit?: string | Msat | Credit
  /** No invoice is smaller. 1 sat by default. */
  readonly smallestPayment?: string | Msat
  /** How to answer counter-offers; by default the price is the price. */
  readonly policy?: SellerPolicy
  /** What one agreement opens: all walls of a seller with this scope, which have one price. By default all of that price. */
  readonly scope?: string
  /** For people, in the challenge. */
  readonly description?: string
  /** How long work is held when payment stops, before it is aborted. In ms; 30 s by default. */
  readonly graceMs?: number
  /** How long an offer stands. In ms; 5 minutes by default. */
  readonly offerLifeMs?: number
}

/** Wraps handlers so that their use is paid for. */
export interface Wall {
  (handler: PaidHandler): Handler
  readonly seller: Seller
  /** Ends the seller: no further payment is booked. */
  close(): Promise<void>
}

const GRACE_MS = 30_000
const OFFER_LIFE_MS = 300_000
/** Credentials whose account is remembered, so that a busy agreement is not parsed at every request. */
const MAX_REMEMBERED = 10_000
const MAX_REMEMBERED_LENGTH = 2048

/**
 * A paywall for any Request → Response handler. Money and data interleave: at no time is more than the credit delivered
 * unpaid (spec section 1).
 * @throws StreamError `price-invalid`, `amount-invalid`
 * @example
 * const wall = paywall({ node, price: '10 sat/second' })
 * serve(wall(async (request) => new Response(model.generate(await request.json()))), { port: 2402 })
 */
export function paywall(options: SellerOptions & WallOptions): Wall {
  const seller = new Seller(options)
  return Object.assign(wall(seller, options), { seller, close: () => seller.close() })
}

/** A further wall of a seller: another price or resource, the same node and ledger. */
export function wall(seller: Seller, options: WallOptions): (handler: PaidHandler) => Handler {
  const route = new Route(seller, options)
  return (handler) => (request) => route.handle(handler, request)
}

class Route {
  readonly #seller: Seller
  readonly #challenger: Challenger
  readonly #policy: SellerPolicy
  readonly #graceMs: number
  readonly #terms: Pick<Offer, 'price' | 'credit' | 'smallestPayment' | 'scope' | 'negotiable'>
  #offer: Offer | undefined
  readonly #remembered = new Map<string, Account>()
  readonly #receipts = new WeakMap<Account, { readonly untilMs: number; readonly text: string }>()

  constructor(seller: Seller, options: WallOptions) {
    const lifeMs = options.offerLifeMs ?? OFFER_LIFE_MS
    this.#seller = seller
    this.#challenger = new Challenger({
      secret: seller.secret,
      realm: seller.realm,
      lifeMs,
      description: options.description,
    })
    this.#policy = options.policy ?? fixed()
    this.#graceMs = options.graceMs ?? GRACE_MS
    const price = typeof options.price === 'string' ? parsePrice(options.price) : options.price
    this.#terms = {
      price,
      credit: readCredit(options.credit),
      smallestPayment: toMsat(options.smallestPayment ?? sat(1)),
      scope: seller.claimScope(price, options.scope),
      negotiable: options.policy !== undefined,
    }
  }

  async handle(handler: PaidHandler, request: Request): Promise<Response> {
    const offer = this.#offer ?? (await this.#makeOffer())
    if (offer instanceof Response) return offer
    const authorization = request.headers.get('authorization')
    if (authorization === null || !/^payment\s/i.test(authorization)) {
      return this.#challenger.paymentRequired(offer, Date.now())
    }
    try {
      this.#seller.check()
      const account = this.#remembered.get(authorization)
      if (account && this.#seller.accounts.holds(account)) return await this.#use(handler, request, account)
      return await this.#act(handler, request, authorization, offer)
    } catch (error) {
      const known = toStreamError(error)
      if (known.status >= 500) this.#seller.emit({ type: 'error', error: known })
      return this.#challenger.problem(publicly(known), offer, Date.now())
    }
  }

  /** Each action is a credential, so that a wall mounted anywhere is reachable with all of them (spec section 3). */
  async #act(handler: PaidHandler, request: Request, authorization: string, offer: Offer): Promise<Response> {
    const { challenge, payload } = parseCredential(authorization)
    if (payload.action === 'accept') {
      const answer = await accept(this.#seller, offer, this.#policy, { challenge, payload })
      if (!(answer instanceof CounterOffer)) return answer
      const error = new StreamError('terms-refused', 'the seller makes a counter-offer')
      return this.#challenger.problem(error, answer.offer, Date.now())
    }
    const account = await this.#seller.accounts.authorize(payload.agreement, payload.secret)
    if (account.agreement.scope !== offer.scope || account.agreement.price.unit !== offer.price.unit) {
      throw new StreamError('agreement-elsewhere', `the agreement is for ${account.agreement.scope}`)
    }
    switch (payload.action) {
      case 'use':
        this.#remember(authorization, account)
        return this.#use(handler, request, account)
      case 'invoices':
        checkOpen(account)
        return invoices(this.#seller, account, payload)
      case 'watch':
        return watchResponse(account)
      case 'close':
        return close(this.#seller, account, payload)
      case 'return':
        return returnBalance(this.#seller, account, payload)
    }
  }

  async #use(handler: PaidHandler, request: Request, account: Account): Promise<Response> {
    checkOpen(account)
    this.#seller.emit({ type: 'delivering', account })
    const delivery = new Delivery(account, this.#graceMs, request, () =>
      this.#seller.emit({ type: 'delivered', account }),
    )
    try {
      if (!delivery.tryBegin()) await this.#begin(delivery, account)
      const response = delivery.sell(await delivery.work(Promise.resolve(handler(request, delivery))))
      return response.ok ? this.#withReceipt(response, account) : response
    } catch (error) {
      delivery.void()
      throw error
    }
  }

  async #begin(delivery: Delivery, account: Account): Promise<void> {
    try {
      await delivery.begin(this.#graceMs)
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'grace-exceeded' || account.gate.paid > 0n) throw error
      throw new StreamError('payment-insufficient', 'nothing was paid on this agreement in time', error.details)
    }
  }

  #withReceipt(response: Response, account: Account): Response {
    const text = this.#receipt(account, Date.now())
    try {
      response.headers.set('payment-receipt', text)
      response.headers.set('cache-control', 'private')
      return response
    } catch {
      // The headers of a fetched response cannot be changed: hand on a copy with the same body.
      const copy = new Response(response.body, response)
      copy.headers.set('payment-receipt', text)
      copy.headers.set('cache-control', 'private')
      return copy
    }
  }

  #receipt(account: Account, nowMs: number): string {
    const cached = this.#receipts.get(account)
    if (cached && nowMs < cached.untilMs) return cached.text
    const text = encodeReceipt({ method: 'lightning', reference: account.agreement.id, timestampMs: nowMs })
    this.#receipts.set(account, { untilMs: nowMs + 1000, text })
    return text
  }

  #remember(authorization: string, account: Account): void {
    // A buyer may pad its credential: what is remembered is bounded in bytes too.
    if (authorization.length > MAX_REMEMBERED_LENGTH) return
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(authorization, account)
  }

  async #makeOffer(): Promise<Offer | Response> {
    try {
      const { info } = await this.#seller.ready()
      const { network, publicKey: payee } = info
      this.#offer = { ...this.#terms, network, payee, round: 0 }
      return this.#offer
    } catch (error) {
      const { status, message, code, hint } = toStreamError(error)
      return Response.json(
        { title: 'The seller cannot take payments', status, detail: message, code, hint },
        { status },
      )
    }
  }
}

function checkOpen(account: Account): void {
  if (account.closed) throw new StreamError('agreement-unknown', 'the agreement is closed')
  if (Date.now() >= account.agreement.expiresAtMs) {
    throw new StreamError('agreement-expired', 'the agreement has expired', { agreement: account.agreement.id })
  }
}

/** An unexpected failure is told to the operator, not to the buyer: its message may hold anything. */
const publicly = (error: StreamError): StreamError =>
  error.code === 'internal' ? new StreamError('internal', 'the seller failed') : error

function readCredit(credit: string | Msat | Credit | undefined): Credit {
  if (typeof credit === 'object') return credit
  return credit === undefined ? NO_CREDIT : fixedCredit(toMsat(credit))
}
