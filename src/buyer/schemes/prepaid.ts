import { StreamError } from '../../errors/error.ts'
import type { JournalAgreement } from '../../ledger/journal.ts'
import type { NodeInfo } from '../../lightning/node.ts'
import { type Msat, minus, msat, ZERO } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { readChallenges, type SchemeName } from '../../wire/challenges.ts'
import { decodeSessionRequest } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { notePurchase } from '../purchase.ts'
import { placeOf } from '../requests/place.ts'
import { checkTransport } from '../requests/transport.ts'
import { readJson } from '../trade/control.ts'
import { endOf, type Paid, prepay } from './paying.ts'
import {
  checkPrepayment,
  type PrepaidLimits,
  type PrepaidOption,
  type PrepaidScheme,
  readPrepayment,
} from './prepayment.ts'
import { closeSession, freshChallenge, RETURN_LIFE_SECONDS, type Refund, sessionAction } from './session.ts'
import { SessionAccount } from './sessionAccount.ts'
import { credentialOf, newToken, rowOf, type Token, tokenOf } from './token.ts'

/** How something prepaid stands: the same names in every place that shows it. */
export interface PrepaidSummary {
  /** The buyer's own id, under which the journal has it. */
  readonly agreement: string
  readonly scheme: PrepaidScheme
  readonly url: string
  readonly paymentHash: string
  readonly paid: Msat
  readonly fees: Msat
  /** Requests that were answered on it. */
  readonly uses: number
  /** `open` while it may be used again, also by a later run. */
  readonly state: 'open' | 'closed'
  /** Of a session that was closed: what became of what was left. */
  readonly refund?: Refund
}

export interface PrepaidParts extends PrepaidLimits {
  readonly ready: () => Promise<{ readonly wallet: Wallet; readonly info: NodeInfo }>
  /** Sends a request as the buyer sends all. */
  readonly send: (url: string, request: RequestInit) => Promise<Response>
  readonly insecure: boolean
  /** What may be paid by, the most wanted first. */
  readonly schemes: readonly SchemeName[]
}

/** A token in the hands of this process. */
class Held {
  /** Its challenge is another once the first has expired. */
  token: Token
  readonly preimage: string
  fees: Msat
  /** Deposits of a session that were made later are in it. */
  paid: Msat
  /** Of a session that was opened. */
  account: SessionAccount | undefined
  refund: Refund | undefined
  /** Payment hashes of its further deposits that are being paid. */
  readonly paying = new Set<string>()
  uses = 0
  /** It was answered with something else than a 402, now or in an earlier run. */
  wasGood: boolean
  /** Refused after it was paid for: tried once more before it is given up. */
  wasRefused = false
  state: PrepaidSummary['state'] = 'open'

  constructor(token: Token, preimage: string, fees: Msat, wasGood: boolean) {
    this.token = token
    this.preimage = preimage
    this.fees = fees
    this.paid = token.amount
    this.wasGood = wasGood
  }

  summary(): PrepaidSummary {
    const { id: agreement, scheme, url, paymentHash } = this.token
    const { paid, fees, uses, state, refund } = this
    return { agreement, scheme, url, paymentHash, paid, fees, uses, state, ...(refund && { refund }) }
  }
}

/** A seller's node may learn of a payment a moment later than the buyer's. */
const SETTLING_PAUSES_MS = [200, 600, 1800]
/** Tokens of one origin that are tried at a place they were not bought at. */
const MAX_TRIED_ELSEWHERE = 1
/** How long what is on its way is waited for at the end. */
const CLOSE_MS = 15_000
const MAX_KNOWN_PLACES = 4096
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

  /** What a 402 offers that can be paid here, the most wanted first. */
  options(refused: Response): readonly PrepaidOption[] {
    const { options } = readChallenges(refused.headers.get('www-authenticate') ?? '')
    const order = (scheme: SchemeName) => this.#parts.schemes.indexOf(scheme)
    return options
      .filter((option): option is PrepaidOption => PAYABLE.includes(option.scheme) && order(option.scheme) >= 0)
      .sort((a, b) => order(a.scheme) - order(b.scheme))
  }

  /** Sends a request with the token that its place is known to take; `undefined` if there is none. With a 402 it is used up. */
  async fetch(url: string, request: RequestInit): Promise<Response | undefined> {
    const held = this.#byPlace.get(placeOf(url))
    if (!held || held.state === 'closed') return undefined
    const response = await this.#present(held, url, request)
    if (response.status === 402) await this.#close(held)
    return response
  }

  /**
   * Pays for what was refused, and sends the request again. A token of an earlier run comes first.
   * @throws StreamError `transport-insecure`, `risk-too-high`, `price-too-high`, `unit-mismatch`, `invoice-…`, `paid-refused`, `budget-exhausted`,
   *   `payment-unknown`, one of the failures of a payment
   */
  async pay(url: string, request: RequestInit, refused: Response): Promise<Response> {
    if (!this.#parts.insecure) checkTransport(url)
    const place = placeOf(url)
    const before = this.#turns.get(place)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turns.set(place, promise)
    try {
      if (!before) return await this.#settleFor(url, request, refused)
      // What was offered then may have been paid meanwhile.
      await refused.body?.cancel().catch(() => {})
      await before
      const response = (await this.fetch(url, request)) ?? (await this.#parts.send(url, request))
      return response.status === 402 ? await this.#settleFor(url, request, response) : response
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
    if (!keep) await Promise.allSettled([...this.#held.values()].map((held) => this.#endSession(held)))
    for (const { token } of this.#held.values()) await wallet.journal.releaseAgreement(token.id)
  }

  async #endSession(held: Held): Promise<void> {
    const { token, preimage, state } = held
    if (token.scheme !== 'session' || state === 'closed') return
    const { wallet } = await this.#parts.ready()
    await held.account?.end()
    await this.#takeUpDeposits(held, wallet)
    held.refund = await closeSession(
      { node: wallet.node, journal: wallet.journal, send: this.#parts.send },
      token,
      preimage,
    )
    held.state = 'closed'
  }

  async #settleFor(url: string, request: RequestInit, refused: Response): Promise<Response> {
    const options = this.options(refused)
    if (options.length === 0) return refused
    await refused.body?.cancel().catch(() => {})
    const response = await this.#useEarlier(url, request, options)
    if (response && response.status !== 402) return response
    const now = response ? this.options(response) : options
    await response?.body?.cancel().catch(() => {})
    return this.#buy(url, request, now.length > 0 ? now : options)
  }

  /** What was paid for before and may still be good here. A 402 if something was tried and is no more; `undefined` if there was nothing. */
  async #useEarlier(
    url: string,
    request: RequestInit,
    options: readonly PrepaidOption[],
  ): Promise<Response | undefined> {
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
      const held = await this.#takeUp(entry, token, isExact, request)
      if (!held) continue
      if (!isExact) elsewhere++
      await last?.body?.cancel().catch(() => {})
      last = await this.#present(held, url, request)
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

  async #takeUp(entry: JournalAgreement, token: Token, wait: boolean, request: RequestInit): Promise<Held | undefined> {
    const known = this.#held.get(token.id)
    if (known) return known.state === 'open' ? known : undefined
    const { wallet } = await this.#parts.ready()
    const { journal } = wallet
    if (!(await journal.holdAgreement(token.id))) return undefined
    const payment = await journal.getPayment(token.paymentHash)
    const paid = payment && (await endOf(wallet, payment, wait).catch((error) => this.#release(token.id, wait, error)))
    if (paid) {
      const held = this.#hold(new Held(token, paid.preimage, paid.fee, entry.receivedSteps > 0n))
      if (token.scheme === 'session') {
        // With the deposits that an earlier run made.
        const settled = (await journal.payments({ agreementId: token.id })).filter(({ status }) => status === 'settled')
        held.paid = msat(settled.reduce((sum, { amount }) => sum + amount, 0n))
        await this.#takeUpDeposits(held, wallet)
        this.#account(held, request, FIRST_LATENCY_MS)
      }
      return held
    }
    // Never sent, or failed: it bought nothing.
    if (!payment || (await journal.getPayment(token.paymentHash))?.status === 'failed') {
      await journal.closeAgreement(token.id, undefined)
      await journal.releaseAgreement(token.id)
    }
    return undefined
  }

  /** Deposits that an earlier run paid and could not tell the seller of. What cannot be told now stays in the journal. */
  async #takeUpDeposits(held: Held, wallet: Wallet): Promise<void> {
    const { journal } = wallet
    for (const entry of await journal.agreements('open')) {
      const deposit = tokenOf(entry)
      if (deposit?.sessionId !== held.token.paymentHash || !(await journal.holdAgreement(deposit.id))) continue
      const payment = await journal.getPayment(deposit.paymentHash)
      const paid = payment && (await endOf(wallet, payment, false).catch(() => undefined))
      if (paid) {
        await this.#addDeposit(wallet, deposit, paid.preimage).catch(() => {})
      }
      await journal.releaseAgreement(deposit.id)
    }
  }

  /** Where the place itself waits for it, nothing more may be paid until it is known. */
  async #release(id: string, isAwaited: boolean, error: unknown): Promise<undefined> {
    const { wallet } = await this.#parts.ready()
    await wallet.journal.releaseAgreement(id)
    if (isAwaited) throw error
    return undefined
  }

  async #buy(url: string, request: RequestInit, options: readonly PrepaidOption[]): Promise<Response> {
    const { wallet, info } = await this.#parts.ready()
    const prepayment = choose(options, info, this.#parts)
    const place = { url, method: methodOf(request) }
    const token = newToken(prepayment, place, prepayment.scheme === 'session' ? await returnOf(wallet) : {})
    const startedAt = performance.now()
    const paid = await this.#payFor(wallet, token)
    const held = this.#hold(new Held(token, paid.preimage, paid.fee, false))
    if (token.scheme === 'session') this.#account(held, request, performance.now() - startedAt)
    for (let attempt = 0; ; attempt++) {
      const response = await this.#present(held, url, request)
      if (response.status !== 402) return response
      const pauseMs = SETTLING_PAUSES_MS[attempt]
      if (pauseMs === undefined) return this.#giveUp(held, response)
      await response.body?.cancel().catch(() => {})
      await new Promise((done) => setTimeout(done, pauseMs))
    }
  }

  /** What is paid for is written before it is paid. @param agreementId under which the payment counts: of a further deposit the session's */
  async #payFor(wallet: Wallet, token: Token, agreementId: string = token.id): Promise<Paid> {
    const { journal } = wallet
    const { id, paymentHash, invoice, amount, url } = token
    await journal.addAgreement(rowOf(token))
    const { origin } = new URL(url)
    const paid = await prepay(wallet, { agreementId, origin, paymentHash, request: invoice, amount }).catch(
      async (error) => {
        // A payment that may yet settle buys what stands here: a later run finds it.
        const isOpen = ['pending', 'unknown', 'settled'].includes((await journal.getPayment(paymentHash))?.status ?? '')
        if (!isOpen) await journal.closeAgreement(id, undefined)
        throw error
      },
    )
    if (paid !== 'known') return paid
    await journal.closeAgreement(id, undefined)
    throw new StreamError('paid-refused', 'the seller offers an invoice that was paid before', { paymentHash })
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
      maxRisk: this.#parts.maxRisk,
      latencyMs,
      topUp: () => this.#topUp(held, request),
    })
    return held.account
  }

  /** A further deposit, by a challenge of its own, at no higher price (draft-lightning-session, "TopUp Action"). */
  async #topUp(held: Held, request: RequestInit): Promise<Msat> {
    const { send } = this.#parts
    const { wallet, info } = await this.#parts.ready()
    const { url, method, paymentHash: sessionId } = held.token
    const refused = await send(url, request)
    await refused.body?.cancel().catch(() => {})
    const options = refused.status === 402 ? this.options(refused) : []
    const option = options.find((one) => one.scheme === 'session')
    if (!option) {
      throw new StreamError('seller-failed', 'the seller offers no further deposit for its session')
    }
    const { amount: each } = decodeSessionRequest((held.token.challenge as Challenge).request)
    if (option.request.amount > each) {
      throw new StreamError('seller-changed', 'the seller asks more for a unit than when the session was opened')
    }
    const prepayment = readPrepayment(option)
    checkPrepayment(prepayment, info, this.#parts, Date.now())
    const token = newToken(prepayment, { url, method }, { sessionId })
    // Some sellers offer the same invoice until it is paid.
    if (held.paying.has(token.paymentHash)) return ZERO
    held.paying.add(token.paymentHash)
    const paid = await this.#payFor(wallet, token, held.token.id).finally(() => held.paying.delete(token.paymentHash))
    held.fees = msat(held.fees + paid.fee)
    held.paid = msat(held.paid + token.amount)
    await this.#addDeposit(wallet, token, paid.preimage).catch(async (error) => {
      // It is told again before the session is closed, or by a later run.
      await wallet.journal.releaseAgreement(token.id)
      throw error
    })
    return token.amount
  }

  /** Tells the seller of a deposit that was paid, again where no answer came: it is counted once. */
  async #addDeposit(wallet: Wallet, token: Token, preimage: string): Promise<void> {
    const payload = { action: 'topUp', sessionId: token.sessionId, topUpPreimage: preimage } as const
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await sessionAction({ send: this.#parts.send }, token, payload)
        await answer.body?.cancel().catch(() => {})
        return await wallet.journal.closeAgreement(token.id, undefined)
      } catch (error) {
        const pauseMs = SETTLING_PAUSES_MS[attempt]
        if (pauseMs === undefined) throw error
        await new Promise((done) => setTimeout(done, pauseMs))
      }
    }
  }

  #hold(held: Held): Held {
    this.#held.set(held.token.id, held)
    // A buyer may run for months, and pay a charge for each request.
    const over = [...this.#held.values()].filter(({ state }) => state === 'closed')
    for (const { token } of over.slice(0, Math.max(0, over.length - MAX_OVER))) this.#held.delete(token.id)
    return held
  }

  /** Sends the request with a token, and notes what that says of the token. */
  async #present(held: Held, url: string, request: RequestInit): Promise<Response> {
    const { token } = held
    const response =
      token.scheme === 'session' ? await this.#useSession(held, url, request) : await this.#show(held, url, request, {})
    if (response.status === 402) return response
    if (response.status === 401 && token.scheme === 'l402' && held.wasGood) {
      // Some sellers say 401 of a token that they take no more. What is sold may say it too: so it tells only of one that was answered otherwise before.
      const bare = await this.#parts.send(url, request)
      const isRefused = bare.status === 402
      await (isRefused ? response : bare).body?.cancel().catch(() => {})
      if (isRefused) return bare
    }
    held.uses++
    if (token.scheme !== 'charge') this.#remember(placeOf(url), held)
    // Where nobody answered for the seller, nothing is known of the token yet.
    if (response.status < 500 && response.status !== 429 && response.status !== 401) await this.#wasGood(held)
    const { account } = held
    if (account) {
      const before = account.spent
      return notePurchase(account.follow(response), {
        agreement: token.id,
        get cost() {
          return minus(account.spent, before)
        },
        get paid() {
          return held.paid
        },
      })
    }
    const cost = token.scheme === 'charge' || held.uses === 1 ? token.amount : ZERO
    return notePurchase(response, { agreement: token.id, cost, paid: token.amount })
  }

  #show({ token, preimage }: Held, url: string, request: RequestInit, payload: object): Promise<Response> {
    const headers = new Headers(request.headers)
    headers.set(...credentialOf(token, { ...payload, preimage }, preimage))
    return this.#parts.send(url, { ...request, headers })
  }

  /** Opens the session by the first request, and shows it with those that follow. One that is empty gets a further deposit. */
  async #useSession(held: Held, url: string, request: RequestInit): Promise<Response> {
    const { token, wasGood } = held
    const { paymentHash: sessionId, returnInvoice } = token
    const { amount: each } = decodeSessionRequest((token.challenge as Challenge).request)
    const show = async (action: 'open' | 'bearer'): Promise<Response> => {
      const payload = action === 'open' ? { action, returnInvoice } : { action, sessionId }
      const shown = await this.#show(held, url, request, payload)
      const fresh = freshChallenge(shown, held.token.challenge)
      // What opens a session is bound to the invoice that was paid for it.
      const isAsGood = action === 'bearer' || fresh?.request.paymentHash === sessionId
      if (!fresh || !isAsGood || fresh.request.amount > each) return shown
      await shown.body?.cancel().catch(() => {})
      held.token = { ...token, challenge: fresh.challenge }
      const again = await this.#show(held, url, request, payload)
      if (again.status === 402) held.token = token
      return again
    }
    const response = await show(wasGood ? 'bearer' : 'open')
    if (response.status !== 402) return response
    const body = await readJson(response.clone()).catch(() => undefined)
    // Where the seller does not say that it is short it may as well be closed: another is safer than a deposit for this one.
    if (wasGood && fromProblem(body)?.code !== 'payment-insufficient') return response
    await response.body?.cancel().catch(() => {})
    if (wasGood) await held.account?.topUpNow()
    // Or it was opened by a run that was killed before it could note that.
    return show('bearer')
  }

  async #wasGood(held: Held): Promise<void> {
    const { token, wasGood } = held
    held.wasGood = true
    // A charge is used up, whatever the answer says.
    if (token.scheme === 'charge') return this.#close(held)
    const { wallet } = await this.#parts.ready()
    if (!wasGood) await wallet.journal.noteReceived(token.id, 1n)
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
    if (held.wasRefused) await this.#close(held)
    held.wasRefused = true
    const why = fromProblem(await readJson(response).catch(() => undefined))
    const { paymentHash } = held.token
    throw new StreamError(
      'paid-refused',
      `${new URL(held.token.url).origin} was paid and answers 402${why ? `: ${why.message}` : ''}`,
      { paymentHash, agreement: held.token.id, paid: `${held.token.amount}` },
    )
  }

  async #close(held: Held): Promise<void> {
    // A session that takes no more requests may owe what was left of it.
    await this.#endSession(held).catch(() => {})
    held.state = 'closed'
    for (const [place, other] of this.#byPlace) if (other === held) this.#byPlace.delete(place)
    const { wallet } = await this.#parts.ready()
    await wallet.journal.closeAgreement(held.token.id, undefined)
  }
}

const PAYABLE: readonly SchemeName[] = ['session', 'charge', 'l402']
/** What a payment is taken to last before one was made. */
const FIRST_LATENCY_MS = 1000

/** Where a session's rest is paid to: an invoice that leaves the amount to the seller. */
async function returnOf({ node }: Wallet): Promise<{ readonly returnInvoice: string }> {
  const asked = { amount: 'any', description: 'return', expiresInSeconds: RETURN_LIFE_SECONDS } as const
  const [invoice] = await node.createInvoices([asked])
  return { returnInvoice: invoice!.request }
}

/** The most wanted option that is within the limits. @throws StreamError what is wrong with the most wanted, if none is */
function choose(options: readonly PrepaidOption[], info: NodeInfo, limits: PrepaidLimits) {
  const errors: unknown[] = []
  for (const option of options) {
    try {
      if (option.scheme === 'session' && !info.abilities.anyAmount) {
        throw new StreamError(
          'node-unable',
          'a session takes an invoice without an amount, which this node does not make',
        )
      }
      const prepayment = readPrepayment(option)
      checkPrepayment(prepayment, info, limits, Date.now())
      return prepayment
    } catch (error) {
      errors.push(error)
    }
  }
  throw errors[0]
}

const methodOf = ({ method = 'GET' }: RequestInit): string => method.toUpperCase()
