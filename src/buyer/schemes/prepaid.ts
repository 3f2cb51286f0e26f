import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'
import type { JournalAgreement, JournalPayment } from '../../ledger/journal.ts'
import type { NodeIdentity } from '../../lightning/node.ts'
import { pause } from '../../lightning/pause.ts'
import { type Msat, minus, msat, ZERO } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { decodeSessionRequest } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { notePurchase } from '../purchase.ts'
import { placeOf } from '../requests/place.ts'
import { checkTransport } from '../requests/transport.ts'
import { readJson } from '../trade/control.ts'
import { payDeposit, payFor } from './buying.ts'
import { choose, isGoodFor, offeredBy, otherThan } from './choosing.ts'
import { SETTLING_PAUSES_MS, tellDeposits } from './deposits.ts'
import { Held, type PrepaidSummary } from './held.ts'
import { endOf, type JustPaid } from './paying.ts'
import type { PrepaidLimits, PrepaidOption } from './prepayment.ts'
import { type Asking, present, whileRead } from './presenting.ts'
import { closeSession, type SessionPlace, withReturnInvoice } from './session.ts'
import { SessionAccount } from './sessionAccount.ts'
import { newToken, noted, type Token, tokenOf } from './token.ts'

export interface PrepaidParts extends PrepaidLimits {
  readonly ready: () => Promise<{ readonly wallet: Wallet; readonly info: NodeIdentity }>
  /** Sends a request as the buyer sends all. */
  readonly send: (url: string, request: RequestInit) => Promise<Response>
  readonly insecure: boolean
  /** What may be paid by, the most wanted first. */
  readonly schemes: readonly SchemeName[]
  /** Told when something was bought, and when it is over. */
  readonly onChange: (summary: PrepaidSummary) => void
}

interface Bought {
  readonly held: Held
  readonly written: JustPaid['written']
}

/** Tokens of one origin that are tried at a place they were not bought at. */
const MAX_TRIED_ELSEWHERE = 1
/** How long what is on its way is waited for at the end. */
const CLOSE_MS = 15_000
const MAX_KNOWN_PLACES = 4096
/** How long after a deposit is sent its return invoice is made: while the deposit is on its way. */
const RETURN_AFTER_MS = 50
/** Of what is used up, so many are still told. */
const MAX_OVER = 256

/**
 * Pays sellers that want to be paid first: by session, charge and L402. What is paid for is in the journal before it is paid, under one id with its payment, so
 * that a run that was killed at any point leaves either nothing, or a token that the next run finds and uses.
 */
export class Prepaid {
  readonly #parts: PrepaidParts
  readonly #held = new Map<string, Held>()
  /** Tokens that may be used more than once, by origin and path. */
  readonly #byPlace = new Map<string, Held>()
  /** One purchase at a place at a time: whoever waits finds what the other bought. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(parts: PrepaidParts) {
    this.#parts = parts
  }

  get summaries(): readonly PrepaidSummary[] {
    return [...this.#held.values()].map((held) => held.summary())
  }

  /** What a 402 offers that can be paid here, the most wanted first. @param request that the credential has to go with */
  options(refused: Response, request: RequestInit = {}): readonly PrepaidOption[] {
    return offeredBy(refused, this.#parts.schemes, request)
  }

  /** Sends a request with the token that its place is known to take; `undefined` if there is none. With a 402 it is used up. */
  fetch(url: string, request: RequestInit): Promise<Response | undefined> {
    return this.#fetch({ url, request, own: request.headers })
  }

  async #fetch(asking: Asking): Promise<Response | undefined> {
    const { url, request } = asking
    const held = this.#byPlace.get(placeOf(url))
    if (!held?.isUsable || !(await isGoodFor(held.token, request))) return undefined
    const response = await this.#present(held, asking)
    if (response.status === 402) await this.#close(held)
    return response
  }

  /**
   * Pays for what was refused, and sends the request again. A token of an earlier run comes first.
   * @param isOwn whether the headers of the request were meant for this very origin
   * @throws StreamError `transport-insecure`, `risk-too-high`, `price-too-high`, `unit-mismatch`, `invoice-…`, `paid-refused`, `budget-exhausted`,
   *   `payment-unknown`, one of the failures of a payment
   */
  async pay(url: string, request: RequestInit, refused: Response, isOwn = true): Promise<Response> {
    if (!this.#parts.insecure) checkTransport(url)
    const asking = { url, request, own: isOwn ? request.headers : undefined }
    const place = placeOf(url)
    const before = this.#turns.get(place)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turns.set(place, promise)
    try {
      if (!before) return await this.#settleFor(asking, refused)
      // What was offered then may have been paid meanwhile.
      await refused.body?.cancel().catch(() => {})
      await before
      const response = (await this.#fetch(asking)) ?? (await this.#parts.send(url, request))
      return response.status === 402 ? await this.#settleFor(asking, response) : response
    } finally {
      resolve()
      if (this.#turns.get(place) === promise) this.#turns.delete(place)
    }
  }

  /** Closes sessions, unless they are to be kept, and leaves what else is left for a later run to use. */
  async close(keep: boolean): Promise<void> {
    // A buyer that has bought nothing so may have no node.
    if (this.#held.size === 0 && this.#turns.size === 0) return
    const { wallet } = await this.#parts.ready()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, CLOSE_MS)
    await Promise.race([Promise.allSettled(this.#turns.values()), late.promise])
    clearTimeout(timer)
    this.#byPlace.clear()
    // A deposit that is on its way belongs to its session: nobody takes that up before.
    await Promise.all([...this.#held.values()].map((held) => held.account?.end()))
    if (!keep) await Promise.allSettled([...this.#held.values()].map((held) => this.#endSession(held)))
    await Promise.all([...this.#held.values()].map(({ noting }) => noting))
    for (const { token } of this.#held.values()) await wallet.journal.releaseAgreement(token.id)
  }

  /**
   * Closes one session, so that what is left of it comes back; `undefined` if there is no such one.
   * @throws StreamError of the seller, `seller-failed`, `seller-unreachable`: it is open then, and can be tried again
   */
  async closeOne(id: string): Promise<PrepaidSummary | undefined> {
    const held = this.#held.get(id)
    if (held?.token.scheme !== 'session' || !held.isUsable) return undefined
    await this.#endSession(held)
    const { wallet } = await this.#parts.ready()
    await wallet.journal.releaseAgreement(id)
    return held.summary()
  }

  async #endSession(held: Held): Promise<void> {
    if (held.token.scheme !== 'session' || held.state === 'closed') return
    held.ending ??= this.#closeSession(held).finally(() => {
      held.ending = undefined
    })
    await held.ending
  }

  async #closeSession(held: Held): Promise<void> {
    const { token, preimage } = held
    const { wallet } = await this.#parts.ready()
    await held.account?.end()
    const place = this.#sessionPlace(held, wallet)
    await this.#takeUpDeposits(place, token, wallet)
    held.refund = await closeSession(place, token, preimage)
    this.#over(held)
  }

  #over(held: Held): void {
    if (held.state === 'closed') return
    held.state = 'closed'
    for (const [place, other] of this.#byPlace) if (other === held) this.#byPlace.delete(place)
    this.#parts.onChange(held.summary())
  }

  #sends({ node, journal }: Wallet): SessionPlace {
    return { node, journal, send: this.#parts.send }
  }

  /** How what is said about a session reaches its seller. */
  #sessionPlace({ ownHeaders: headers, receipts }: Held, wallet: Wallet): SessionPlace {
    return { ...this.#sends(wallet), headers, onReceipt: (receipt) => receipts.hold(receipt) }
  }

  async #settleFor(asking: Asking, refused: Response): Promise<Response> {
    const { request } = asking
    const options = this.options(refused, request)
    if (options.length === 0) return refused
    await refused.body?.cancel().catch(() => {})
    const response = await this.#useEarlier(asking, options)
    if (response && response.status !== 402) return response
    const now = response ? this.options(response, request) : options
    await response?.body?.cancel().catch(() => {})
    return this.#buy(asking, now.length > 0 ? now : options)
  }

  /** What was paid for before and may still be good here. A 402 if something was tried and is no more; `undefined` if there was nothing. */
  async #useEarlier(asking: Asking, options: readonly PrepaidOption[]): Promise<Response | undefined> {
    const { url, request } = asking
    const { origin, pathname } = new URL(url)
    const schemes = new Set(options.map(({ scheme }) => scheme))
    const entries = (await this.#ownEntries()).flatMap((entry) => {
      const token = tokenOf(entry)
      const isHere = token && schemes.has(token.scheme) && new URL(token.url).origin === origin
      return isHere ? [{ entry, token, isExact: new URL(token.url).pathname === pathname }] : []
    })
    let elsewhere = 0
    let last: Response | undefined
    // The place itself first, and of each the newest.
    for (const { entry, token, isExact } of entries.reverse().sort((a, b) => Number(b.isExact) - Number(a.isExact))) {
      // A further deposit is for its session alone.
      if (token.sessionId !== undefined) continue
      // A charge is for the one request that it was made for.
      if (token.scheme === 'charge' && (token.url !== url || token.method !== methodOf(request))) continue
      if (!isExact && (token.scheme !== 'l402' || elsewhere >= MAX_TRIED_ELSEWHERE)) continue
      if (!(await isGoodFor(token, request))) continue
      const held = await this.#takeUp(entry, token, isExact, asking)
      if (!held) continue
      if (!isExact) elsewhere++
      await last?.body?.cancel().catch(() => {})
      last = await this.#present(held, asking)
      if (last.status !== 402) return last
      if (isExact) await this.#giveUp(held, last)
    }
    return last
  }

  /** Open rows of this process, and those that nobody holds. */
  async #ownEntries(): Promise<JournalAgreement[]> {
    const { wallet } = await this.#parts.ready()
    return wallet.journal.agreements('open')
  }

  async #takeUp(entry: JournalAgreement, token: Token, wait: boolean, asking: Asking): Promise<Held | undefined> {
    const known = this.#held.get(token.id)
    if (known) return known.isUsable ? known : undefined
    const { wallet } = await this.#parts.ready()
    const { journal } = wallet
    if (!(await journal.holdAgreement(token.id))) return undefined
    const payment = await journal.getPayment(token.paymentHash)
    const paid = payment && (await endOf(wallet, payment, wait).catch((error) => this.#release(token.id, wait, error)))
    if (paid) {
      const isSession = token.scheme === 'session'
      if (isSession) await this.#takeUpDeposits({ ...this.#sends(wallet), headers: asking.own }, token, wallet)
      // Of a session with the further deposits.
      const settled = (await journal.payments({ agreementId: token.id })).filter(({ status }) => status === 'settled')
      const sum = msat(settled.reduce((total, { amount }) => total + amount, 0n))
      const held = this.#keep(new Held(wallet, token, paid, { entry, paid: sum }))
      held.ownHeaders = asking.own
      if (isSession) this.#account(held, asking.request, FIRST_LATENCY_MS)
      return held
    }
    // Never sent, or failed: it bought nothing.
    if (!payment || (await journal.getPayment(token.paymentHash))?.status === 'failed') {
      await journal.closeAgreement(token.id, undefined)
      await journal.releaseAgreement(token.id)
    }
    return undefined
  }

  /** Deposits that were paid and that the seller was not told of. What cannot be told now stays in the journal. */
  async #takeUpDeposits(place: SessionPlace, session: Token, wallet: Wallet): Promise<void> {
    const preimageOf = async (payment: JournalPayment) => (await endOf(wallet, payment, false))?.preimage
    await tellDeposits(place, session, preimageOf)
  }

  /** Where the place itself waits for it, nothing more may be paid until it is known. */
  async #release(id: string, isAwaited: boolean, error: unknown): Promise<undefined> {
    const { wallet } = await this.#parts.ready()
    await wallet.journal.releaseAgreement(id)
    if (isAwaited) throw error
    return undefined
  }

  async #buy(asking: Asking, options: readonly PrepaidOption[]): Promise<Response> {
    const bought = await this.#purchase(asking, options).catch((error) => this.#purchaseAnother(asking, error))
    const [response] = await Promise.all([this.#presentBought(bought.held, asking), bought.written])
    return response
  }

  async #purchase(asking: Asking, options: readonly PrepaidOption[]): Promise<Bought> {
    const { url, request } = asking
    const { wallet, info } = await this.#parts.ready()
    const prepayment = await choose(options, request, info, this.#parts)
    const isSession = prepayment.scheme === 'session'
    const token = newToken(prepayment, { url, method: methodOf(request) })
    let returning: Promise<Token> | undefined
    const meanwhile = (sent: Promise<unknown>) => {
      // A node is busiest when a payment begins. Where this fails it is tried once more when it is needed.
      const made = Promise.race([pause(RETURN_AFTER_MS), sent]).then(() => withReturnInvoice(wallet, token))
      returning = made.catch(() => token)
    }
    const startedAt = performance.now()
    const { written, ...paid } = await payFor(wallet, token, isSession ? { meanwhile } : {})
    const latencyMs = performance.now() - startedAt
    const held = this.#keep(new Held(wallet, (await returning) ?? token, paid))
    held.ownHeaders = asking.own
    if (isSession) this.#account(held, request, latencyMs)
    this.#parts.onChange(held.summary())
    return { held, written }
  }

  /** Two who ask from one address can be shown one invoice. Once one of them has paid it there is another to be had. */
  async #purchaseAnother(asking: Asking, error: unknown): Promise<Bought> {
    const taken = StreamError.is(error) && TAKEN.includes(error.code) ? error.details.paymentHash : undefined
    if (taken === undefined) throw error
    const { url, request } = asking
    for (const pauseMs of SETTLING_PAUSES_MS) {
      await pause(pauseMs)
      const again = await this.#parts.send(url, request)
      await again.body?.cancel().catch(() => {})
      const others = again.status === 402 ? otherThan(taken, this.options(again, request)) : []
      if (others.length > 0) return this.#purchase(asking, others)
    }
    throw error
  }

  /** Shows what was paid for just now, again where the seller's node has not told of it yet. */
  async #presentBought(held: Held, asking: Asking): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#present(held, asking)
      if (response.status !== 402) return response
      const pauseMs = SETTLING_PAUSES_MS[attempt]
      if (pauseMs === undefined) return this.#giveUp(held, response)
      await response.body?.cancel().catch(() => {})
      await pause(pauseMs)
    }
  }

  /** Begins to count a session, and to pay its further deposits. */
  #account(held: Held, first: RequestInit, latencyMs: number): SessionAccount {
    const { token } = held
    // What asks for a further deposit outlives the request that the session was opened with.
    const { signal: _, ...request } = first
    const { amount, unitType = 'chunk' } = decodeSessionRequest((token.challenge as Challenge).request)
    held.account = new SessionAccount({
      each: amount,
      unit: unitType,
      deposit: token.amount,
      before: held.before,
      maxRisk: this.#parts.maxRisk,
      latencyMs,
      topUp: () => this.#deposit(held, request),
      onReceipt: (data) => held.receipts.holdLast(data, held.account!.mostSpent),
    })
    return held.account
  }

  async #deposit(held: Held, request: RequestInit): Promise<Msat> {
    const { wallet, info } = await this.#parts.ready()
    return payDeposit({ ...this.#parts, wallet, info }, held, request, this.#sessionPlace(held, wallet))
  }

  #keep(held: Held): Held {
    this.#held.set(held.token.id, held)
    // A buyer may run for months, and pay a charge for each request.
    const over = [...this.#held.values()].filter(({ state }) => state === 'closed')
    for (const { token } of over.slice(0, Math.max(0, over.length - MAX_OVER))) this.#held.delete(token.id)
    return held
  }

  /** Sends the request with a token, and notes what that says of the token. */
  async #present(held: Held, asking: Asking): Promise<Response> {
    held.active++
    let isOver = false
    const leave = () => {
      if (!isOver) held.active--
      isOver = true
    }
    try {
      const response = await this.#answered(held, asking, leave)
      // Of a session it is over when it was read.
      if (!held.account || response.status === 402 || !response.body) leave()
      return response
    } catch (error) {
      leave()
      throw error
    }
  }

  async #answered(held: Held, asking: Asking, leave: () => void): Promise<Response> {
    const { token } = held
    const { url, request, own } = asking
    if (own && placeOf(url) === placeOf(token.url)) held.ownHeaders = own
    const { wallet } = await this.#parts.ready()
    const response = await present(this.#sends(wallet), held, asking)
    if (response.status === 402) return response
    if (response.status === 401 && token.scheme === 'l402' && held.wasGood) {
      // Some sellers say 401 of a token that they take no more. What is sold may say it too: so it tells only of one that was answered otherwise before.
      const bare = await this.#parts.send(url, request)
      const isRefused = bare.status === 402
      await (isRefused ? response : bare).body?.cancel().catch(() => {})
      if (isRefused) return bare
    }
    const receipt = response.headers.get('payment-receipt')
    if (response.ok && receipt !== null) held.receipts.hold(receipt)
    held.uses++
    if (token.scheme !== 'charge') this.#remember(placeOf(url), held)
    // Where nobody answered for the seller, nothing is known of the token yet.
    if (response.status < 500 && response.status !== 429 && response.status !== 401) await this.#wasGood(held)
    const { account } = held
    if (account) {
      const before = account.spent
      return notePurchase(whileRead(account.follow(response), leave, request.signal), {
        agreement: token.id,
        get cost() {
          return minus(account.spent, before)
        },
        get paid() {
          return held.paid
        },
      })
    }
    const isFirst = held.uses === 1 && held.payments > 0
    const cost = token.scheme === 'charge' || isFirst ? token.amount : ZERO
    return notePurchase(response, { agreement: token.id, cost, paid: token.amount })
  }

  async #wasGood(held: Held): Promise<void> {
    const { token, wasGood } = held
    held.wasGood = true
    if (token.scheme === 'charge') {
      // Used up, whatever the answer says. Nobody waits for the disk: a run that finds it open tries it once more, and is told.
      held.noting = this.#close(held).catch(() => {})
      return
    }
    const { wallet } = await this.#parts.ready()
    if (!wasGood) await wallet.journal.noteReceived(token.id, noted(true, held.wasRefused))
  }

  #remember(place: string, held: Held): void {
    this.#byPlace.set(place, held)
    if (this.#byPlace.size > MAX_KNOWN_PLACES) this.#byPlace.delete(this.#byPlace.keys().next().value!)
  }

  /**
   * A token that its own place refuses. One that was good is used up, and another may be bought. One that never was is a loss: it is said, nothing more is
   * paid for now, and it is tried once more at the next request.
   */
  async #giveUp(held: Held, response: Response): Promise<Response> {
    if (held.wasGood) {
      await this.#close(held)
      return response
    }
    const why = fromProblem(await readJson(response).catch(() => undefined))
    // Its answer may have been lost with the run that was killed.
    const isUsedUp = held.before > 0n && why !== undefined && USED_UP.includes(why.code)
    if (held.wasRefused || isUsedUp) await this.#close(held)
    else {
      held.wasRefused = true
      const { wallet } = await this.#parts.ready()
      await wallet.journal.noteReceived(held.token.id, noted(false, true))
    }
    const { paymentHash } = held.token
    throw new StreamError(
      'paid-refused',
      `${new URL(held.token.url).origin} was paid and answers 402${why ? `: ${why.message}` : ''}`,
      { paymentHash, agreement: held.token.id, paid: `${held.token.amount}` },
    )
  }

  async #close(held: Held): Promise<void> {
    // A session that takes no more requests may owe what was left of it. Where nobody could be asked, a later run asks.
    const isLeft = await this.#endSession(held).then(
      () => false,
      (error) => held.wasGood && isAway(error),
    )
    this.#over(held)
    const { wallet } = await this.#parts.ready()
    if (!isLeft) await wallet.journal.closeAgreement(held.token.id, undefined)
  }
}

/** Refusals that say that a payment was used already, and will be refused for ever. */
const USED_UP: readonly ErrorCode[] = ['challenge-invalid', 'payment-insufficient']
/** An invoice that was paid before, by this journal or, as the seller's node says, by somebody else. */
const TAKEN: readonly ErrorCode[] = ['paid-refused', 'invoice-invalid']
/** What a payment is taken to last before one was made. */
const FIRST_LATENCY_MS = 1000

const isAway = (error: unknown): boolean =>
  error instanceof StreamError && (error.code === 'seller-unreachable' || error.code === 'seller-failed')

const methodOf = ({ method = 'GET' }: RequestInit): string => method.toUpperCase()
