import { StreamError, toStreamError } from '../errors/error.ts'
import { type Msat, sat, toMsat } from '../money/msat.ts'
import { comparePrices } from '../money/price.ts'
import { type PriceSpec, readPriceSpec } from '../money/tariff.ts'
import { DEFAULT_ROUNDS } from '../terms/answer.ts'
import { fixedCredit, NO_CREDIT } from '../terms/credit.ts'
import { fixed, type SellerPolicy } from '../terms/policy.ts'
import { floor as comeDownTo, type Reserve, readReserve } from '../terms/reserve.ts'
import { MAX_OFFERS } from '../terms/strategy.ts'
import type { Credit, Offer } from '../terms/terms.ts'
import { AUTHORIZATION_HEADERS, type CredentialHeader } from '../wire/challenge.ts'
import type { SchemeName } from '../wire/challenges.ts'
import { parseCredential } from '../wire/credential.ts'
import { lightningProblem } from '../wire/mpp/problem.ts'
import { type Problem, toProblem } from '../wire/problem.ts'
import { encodeReceipt } from '../wire/receipt.ts'
import type { Account } from './account.ts'
import { accept, CounterOffer, close, invoices, returnBalance } from './actions.ts'
import { Challenger, paymentRequired, refusal } from './challenger.ts'
import { clientAddress } from './clientAddress.ts'
import { Delivery } from './delivery.ts'
import { answerCall, isCall } from './grpc.ts'
import { retryAfter } from './limits.ts'
import type { PaidHandler } from './meter.ts'
import { askedHeader, type Shown, shownBy } from './schemes/shown.ts'
import { draftOf, WallSchemes } from './schemes/wallSchemes.ts'
import { sameAsked } from './scopes.ts'
import { Seller, type SellerOptions, UNPAID_LIFE_MS } from './seller.ts'
import { watchResponse } from './watch.ts'
import { withReceipt } from './withReceipt.ts'

export type { PaidHandler } from './meter.ts'
export type Handler = (request: Request) => Promise<Response>

export interface WallOptions {
  /**
   * What it costs, as people write it: "1 sat/MiB", "10 sat/second", "1 sat/1k tokens", "2 sat/request"; or a tariff of several charges,
   * `{ input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' }`.
   */
  readonly price: PriceSpec
  /** What may be delivered unpaid; nothing by default, so that a stranger pays first. */
  readonly credit?: string | Msat | Credit
  /** No invoice is smaller. 1 sat by default. */
  readonly smallestPayment?: string | Msat
  /** How to answer bids; by default it comes down to the `floor`, and without one the price is the price. */
  readonly policy?: SellerPolicy | undefined
  /**
   * The lowest price that a bid is ever sold at, whatever the policy says: a price in the unit of the listed one, or a part of that, such as
   * "70%". None by default.
   */
  readonly floor?: string | Reserve | undefined
  /** How many bids of one negotiation are heard: 1 to 16, 4 by default. */
  readonly rounds?: number | undefined
  /**
   * A name for what one agreement opens: all walls of a seller with this scope, which ask the same at any time. By default all walls of
   * that price.
   */
  readonly scope?: string
  /** For people, in the challenge: at most 256 characters. None by default. */
  readonly description?: string
  /** How long work is held when payment stops, before it is aborted. In ms; 30 s by default. */
  readonly graceMs?: number
  /** How long an offer stands. In ms; 5 minutes by default. */
  readonly offerLifeMs?: number
  /**
   * The ways to pay that a 402 offers, in the seller's order: our own (`stream`, the default), and those that other clients know (`session`,
   * `charge`, `l402`). See docs/selling.md.
   */
  readonly schemes?: readonly SchemeName[] | undefined
  /** What the invoice for one of the others asks for, in whole sats. 20 units by default, or one request where each is charged alone. */
  readonly allowance?: string | Msat | undefined
  /**
   * Where the challenges of a 402 ask for the credential: `Payment-Authorization` where what is sold needs `Authorization` for itself. By default
   * wherever the request leaves room: in `Payment-Authorization` if its `Authorization` is no payment. Credentials are taken from both.
   */
  readonly credentialHeader?: CredentialHeader | undefined
}

/** Wraps handlers so that their use is paid for. */
export interface Wall {
  (handler: PaidHandler): Handler
  readonly seller: Seller
  /** Ends the seller: no further payment is booked. */
  close(): Promise<void>
}

type RouteTerms = Pick<Offer, 'price' | 'tariff' | 'credit' | 'smallestPayment' | 'scope' | 'negotiable'>

/** How long a delivery waits for money where nothing else is said. */
export const GRACE_MS = 30_000
const OFFER_LIFE_MS = 300_000
const PAYMENT_REQUIRED = toProblem(paymentRequired())
const OWN_SCHEME: readonly SchemeName[] = ['stream']
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
  const route = new PricedRoute(seller, options)
  return (handler) => (request) => route.handle(handler, request)
}

/**
 * What of a wall may change while it is open: what is left out stays as it is. Policy, floor and rounds change together, and so do schemes
 * and allowance: with one of them named, also as `undefined`, the others are at their default.
 */
export type NewTerms = Partial<
  Pick<
    WallOptions,
    | 'price'
    | 'credit'
    | 'smallestPayment'
    | 'policy'
    | 'floor'
    | 'rounds'
    | 'description'
    | 'graceMs'
    | 'schemes'
    | 'allowance'
    | 'credentialHeader'
  >
>

/**
 * One wall of a seller, for whoever needs more of it than a function: terms that change while it is open, and requests that are no
 * Request → Response.
 * @example
 * const route = new PricedRoute(seller, { price: '1 sat/MiB', scope: 'films' })
 * const response = await route.handle(serveFolder('./films'), request)
 * route.setTerms({ price: '2 sat/MiB' })
 */
export class PricedRoute {
  readonly #seller: Seller
  readonly #named: boolean
  readonly #lifeMs: number
  #challenger: Challenger
  #haggling: Haggling
  /** Requests that are being served. */
  #streams = 0
  #graceMs: number
  #credentialHeader: CredentialHeader | undefined
  #terms: RouteTerms
  #offer: Offer | undefined
  readonly #remembered = new Map<string, Account>()
  /** Absent where our own scheme is the only one. */
  #schemes: WallSchemes | undefined
  readonly #receipts = new WeakMap<Account, { readonly untilMs: number; readonly text: string }>()

  /** @throws StreamError `price-invalid`, `amount-invalid`, `option-invalid` if another wall of this scope asks something else */
  constructor(seller: Seller, options: WallOptions) {
    this.#seller = seller
    this.#named = options.scope !== undefined
    this.#lifeMs = options.offerLifeMs ?? OFFER_LIFE_MS
    this.#challenger = this.#makeChallenger(options.description)
    this.#graceMs = options.graceMs ?? GRACE_MS
    this.#credentialHeader = checkHeader(options.credentialHeader)
    const asked = readPriceSpec(options.price)
    this.#haggling = readHaggling(options)
    const { floor } = this.#haggling
    // Only to see that the two can be compared.
    if (floor && !('share' in floor)) comparePrices(floor, asked.price)
    this.#terms = {
      ...asked,
      credit: readCredit(options.credit),
      smallestPayment: toMsat(options.smallestPayment ?? sat(1)),
      scope: seller.scopes.claim(asked, options.scope),
      negotiable: this.#haggling.negotiable,
    }
    this.#schemes = this.#readSchemes(options)
  }

  /** What is asked of whoever comes now. */
  get terms(): RouteTerms {
    return this.#terms
  }

  /**
   * Asks other terms from now on. Agreements that were made keep their own until they end, and an offer that was made stands until it expires.
   * @throws StreamError `price-invalid`, `amount-invalid`; `option-invalid` if this wall has no scope of its own
   */
  setTerms(changes: NewTerms): void {
    const { price, tariff, ...kept } = this.#terms
    const asked = changes.price === undefined ? { price, ...(tariff && { tariff }) } : readPriceSpec(changes.price)
    const haggles = 'policy' in changes || 'floor' in changes || 'rounds' in changes
    const haggling = haggles ? readHaggling(changes) : undefined
    const terms = {
      ...kept,
      ...asked,
      ...(changes.credit !== undefined && { credit: readCredit(changes.credit) }),
      ...(changes.smallestPayment !== undefined && { smallestPayment: toMsat(changes.smallestPayment) }),
      ...(haggling && { negotiable: haggling.negotiable }),
    }
    // Agreements find their wall by the scope, and one without a name is the price.
    if (!this.#named && !sameAsked(asked, this.#terms)) {
      throw new StreamError('option-invalid', 'a wall whose price may change needs a scope: a name of its own')
    }
    this.#seller.scopes.change(terms.scope, asked)
    this.#terms = terms
    this.#offer &&= { ...this.#parties(this.#offer), ...terms, round: 0 }
    if (haggling) this.#haggling = haggling
    if ('schemes' in changes || 'allowance' in changes) this.#setSchemes(changes)
    if ('credentialHeader' in changes) this.#credentialHeader = checkHeader(changes.credentialHeader)
    if (changes.graceMs !== undefined) this.#graceMs = changes.graceMs
    if (changes.description !== undefined) this.#challenger = this.#makeChallenger(changes.description)
  }

  /** This wall is gone: its scope may be another wall's, at another price. */
  close(): void {
    this.#seller.scopes.release(this.#terms.scope)
  }

  /** Left as they are, they keep the invoices that clients were shown. */
  #setSchemes({ schemes, allowance }: NewTerms): void {
    const same = this.#schemes?.isOf(schemes ?? OWN_SCHEME, allowance === undefined ? undefined : toMsat(allowance))
    if (!same) this.#schemes = this.#readSchemes({ schemes, allowance })
  }

  /** @throws StreamError `option-invalid`, `amount-invalid` */
  #readSchemes({
    schemes = OWN_SCHEME,
    allowance,
  }: Pick<WallOptions, 'schemes' | 'allowance'>): WallSchemes | undefined {
    const most = allowance === undefined ? undefined : toMsat(allowance)
    if (schemes.length === 1 && schemes[0] === 'stream') return undefined
    const host = {
      seller: this.#seller,
      scope: () => this.#terms.scope,
      // As long as the draft recommends, by default.
      holdMs: () => 2 * this.#graceMs,
      deliver: (request: Request, account: Account, graceMs: number, onEnd?: () => void) =>
        this.deliver(request, account, graceMs, onEnd),
    }
    return new WallSchemes(host, schemes, most)
  }

  #makeChallenger(description: string | undefined): Challenger {
    const { secret, realm } = this.#seller
    return new Challenger({ secret, realm, lifeMs: this.#lifeMs, description })
  }

  /** Who is paid, and how: what of an offer is no term. */
  #parties({ network, payee, unsigned }: Offer): Pick<Offer, 'network' | 'payee' | 'unsigned'> {
    return { network, payee, ...(unsigned && { unsigned }) }
  }

  handle(handler: PaidHandler, request: Request): Promise<Response> {
    const answered = this.#answer(handler, request)
    return isCall(request) ? answered.then((response) => answerCall(request, response)) : answered
  }

  async #answer(handler: PaidHandler, request: Request): Promise<Response> {
    const offer = this.#offer ?? (await this.#makeOffer())
    if (offer instanceof Response) return offer
    const shown = shownBy(request, this.#schemes !== undefined)
    if (!shown) {
      return this.#schemes
        ? this.#offerAll(this.#schemes, PAYMENT_REQUIRED, offer, request)
        : this.#challenger.paymentRequired(offer, Date.now(), this.#headerFor(request))
    }
    try {
      this.#seller.check()
      const account = this.#remembered.get(shown.text)
      if (account && this.#seller.accounts.holds(account)) return await this.#use(handler, request, account)
      const served = this.#schemes?.use(handler, request, shown)
      return await (served ?? this.#act(handler, request, shown.text, offer))
    } catch (error) {
      const known = toStreamError(error)
      // A client that left is no failure of the seller's, and nothing for its operator.
      const left = error instanceof DOMException && request.signal.aborted
      if (known.status >= 500 && !left) this.#seller.emit({ type: 'error', error: known })
      return this.#refuse(publicly(known), offer, request, shown)
    }
  }

  /** The answer to a credential that does not do: with what is offered where paying can mend it. */
  #refuse(error: StreamError, offer: Offer, request: Request, shown: Shown): Response | Promise<Response> {
    const draft = draftOf(shown)
    const problem = draft ? lightningProblem(error, draft) : toProblem(error)
    if (!this.#schemes || problem.status !== 402) {
      return this.#challenger.problem(error, offer, Date.now(), this.#headerFor(request))
    }
    return this.#offerAll(this.#schemes, problem, offer, request)
  }

  /** A 402 with every scheme that is to be had now. */
  async #offerAll({ menus }: WallSchemes, problem: Problem, offer: Offer, request: Request): Promise<Response> {
    const nowMs = Date.now()
    const wording = { description: this.#challenger.description, header: this.#headerFor(request) }
    const own = this.#challenger.text(offer, nowMs, wording.header)
    const { header, retryAfterMs, failure } = await menus.of(request, offer, own, wording)
    if (retryAfterMs === undefined) return refusal(402, JSON.stringify(problem), header)
    const wait = retryAfter(retryAfterMs)
    if (header === '') {
      const limited = () => new StreamError('rate-limited', 'no invoice can be made for anybody new right now', wait)
      return this.#challenger.problem(failure ? publicly(failure) : limited(), offer, nowMs, wording.header)
    }
    // Who knows only the schemes that are left out is told when to come again.
    const left = { withheld: 'every scheme that needs an invoice first', ...wait }
    return refusal(402, JSON.stringify({ ...problem, ...left }), header, wait.retryAfter)
  }

  /** Each action is a credential, so that a wall mounted anywhere is reachable with all of them (spec section 3). */
  async #act(handler: PaidHandler, request: Request, authorization: string, offer: Offer): Promise<Response> {
    const { challenge, payload } = parseCredential(authorization)
    const address = clientAddress(request, this.#seller.trustProxy)
    if (payload.action === 'accept') {
      const answer = await accept(
        this.#seller,
        offer,
        { ...this.#haggling, streams: this.#streams, offerLifeMs: this.#lifeMs },
        { challenge, payload },
        address,
      )
      if (!(answer instanceof CounterOffer)) return answer
      const error = new StreamError('terms-refused', 'the seller makes a counter-offer')
      return this.#challenger.problem(error, answer.offer, Date.now(), this.#headerFor(request))
    }
    const account = await this.#seller.accounts.authorize(payload.agreement, payload.secret)
    checkScope(account, offer.scope)
    switch (payload.action) {
      case 'use':
        this.#remember(authorization, account)
        return this.#use(handler, request, account)
      case 'invoices':
        checkOpen(account)
        return invoices(this.#seller, account, payload, address)
      case 'watch':
        return this.#watch(account)
      case 'close':
        return close(this.#seller, account, payload, address)
      case 'return':
        return returnBalance(this.#seller, account, payload)
    }
  }

  /**
   * The account whose agreement a request shows, to be used by something else than a handler: an upgrade to another protocol.
   * `undefined` for a request without a credential, or with one that is no `use`: `handle` has the answer to it.
   * @throws StreamError `credential-malformed`, `agreement-unknown`, `agreement-expired`, `agreement-elsewhere`, `ledger-failed`;
   *   `problem` makes the answer of it
   */
  async authorize(request: Request): Promise<Account | undefined> {
    const shown = shownBy(request, false)
    if (!shown) return undefined
    await this.#seller.ready()
    this.#seller.check()
    const { payload } = parseCredential(shown.text)
    if (payload.action !== 'use') return undefined
    const account = await this.#seller.accounts.authorize(payload.agreement, payload.secret)
    checkScope(account, this.#terms.scope)
    checkOpen(account)
    return account
  }

  /**
   * A delivery on an agreement. Whoever takes it calls `begin` before there is any work, counts by it what leaves before it does, and ends it
   * by `end`, or by `void` where nothing is to be charged.
   * @param graceMs how long it waits for money; as long as the wall does by default
   * @throws StreamError `agreement-unknown`, `agreement-expired`, `too-many-streams`
   */
  deliver(request: Request, account: Account, graceMs = this.#graceMs, onEnd: () => void = () => {}): Delivery {
    checkOpen(account)
    this.#seller.limits.delivers(account)
    this.#seller.emit({ type: 'delivering', account })
    this.#streams++
    return new Delivery(account, graceMs, request, () => {
      this.#streams--
      this.#seller.emit({ type: 'delivered', account })
      onEnd()
    })
  }

  /** The answer to what failed: a problem, with a fresh challenge where paying can mend it. */
  async problem(error: unknown, request: Request): Promise<Response> {
    const offer = this.#offer ?? (await this.#makeOffer())
    return offer instanceof Response
      ? offer
      : this.#challenger.problem(publicly(toStreamError(error)), offer, Date.now(), this.#headerFor(request))
  }

  async #use(handler: PaidHandler, request: Request, account: Account): Promise<Response> {
    const delivery = this.deliver(request, account)
    try {
      if (!delivery.tryBegin()) await this.#begin(delivery, account)
      const response = delivery.sell(await delivery.work(Promise.resolve(handler(delivery.request, delivery))))
      return response.ok ? withReceipt(response, this.#receipt(account, Date.now())) : response
    } catch (error) {
      delivery.void()
      throw error
    }
  }

  /** Who never paid holds a connection while it waits, and a stranger may hold only so many. */
  async #begin(delivery: Delivery, account: Account): Promise<void> {
    const leave = account.gate.paid === 0n ? this.#seller.limits.waits(account, this.#graceMs) : undefined
    try {
      await delivery.begin()
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'grace-exceeded' || account.gate.paid > 0n) throw error
      throw new StreamError('payment-insufficient', 'nothing was paid on this agreement in time', error.details)
    } finally {
      leave?.()
    }
  }

  #headerFor(request: Request): CredentialHeader {
    return askedHeader(request, this.#credentialHeader)
  }

  #watch(account: Account): Response {
    const { limits } = this.#seller
    const leave = account.gate.paid === 0n ? limits.waits(account, UNPAID_LIFE_MS) : () => {}
    try {
      const unwatch = limits.watches(account)
      const onEnd = () => {
        leave()
        unwatch()
      }
      return watchResponse(account, { unpaidLifeMs: UNPAID_LIFE_MS, onPaid: leave, onEnd })
    } catch (error) {
      leave()
      throw error
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
      const { network, publicKey: payee, abilities } = info
      const unsigned = abilities.sign ? {} : { unsigned: true as const }
      // One for all who asked meanwhile: what is cached for an offer is found by it.
      this.#offer ??= { ...this.#terms, network, payee, ...unsigned, round: 0 }
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

/** An agreement of this scope is good here whatever is asked now: it keeps its terms until it ends. */
function checkScope({ agreement }: Account, scope: string): void {
  if (agreement.scope !== scope) throw new StreamError('agreement-elsewhere', `the agreement is for ${agreement.scope}`)
}

function checkOpen(account: Account): void {
  if (account.closed) throw new StreamError('agreement-unknown', 'the agreement is closed')
  if (Date.now() >= account.agreement.expiresAtMs) {
    throw new StreamError('agreement-expired', 'the agreement has expired', { agreement: account.agreement.id })
  }
}

/** What failed on the seller's own machine is told to the operator; the buyer learns no path, and nothing unexpected. */
function publicly(error: StreamError): StreamError {
  if (error.code === 'internal') return new StreamError('internal', 'the seller failed')
  if (error.code === 'ledger-failed') return new StreamError('ledger-failed', 'the seller cannot write its ledger')
  return error
}

/** How a wall answers bids. */
interface Haggling {
  readonly negotiable: boolean
  readonly policy: SellerPolicy
  readonly floor: Reserve | undefined
  readonly rounds: number
}

/** @throws StreamError `price-invalid`, `option-invalid` */
function readHaggling({ policy, floor, rounds }: Pick<WallOptions, 'policy' | 'floor' | 'rounds'>): Haggling {
  const least = typeof floor === 'string' ? readReserve(floor) : floor
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1 && rounds <= MAX_OFFERS)) {
    throw new StreamError('option-invalid', `a seller hears 1 to ${MAX_OFFERS} bids`)
  }
  return {
    negotiable: policy !== undefined || least !== undefined,
    policy: policy ?? (least ? comeDownTo(least) : fixed()),
    floor: least,
    rounds: rounds ?? DEFAULT_ROUNDS,
  }
}

/** @throws StreamError `option-invalid` */
function checkHeader(header: CredentialHeader | undefined): CredentialHeader | undefined {
  if (header === undefined || AUTHORIZATION_HEADERS.includes(header)) return header
  throw new StreamError('option-invalid', `a credential is asked for in ${AUTHORIZATION_HEADERS.join(' or ')}`)
}

function readCredit(credit: string | Msat | Credit | undefined): Credit {
  if (typeof credit === 'object') return credit
  return credit === undefined ? NO_CREDIT : fixedCredit(toMsat(credit))
}
