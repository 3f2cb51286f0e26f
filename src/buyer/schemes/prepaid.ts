import type { ErrorCode } from '../../errors/codes.ts'
import { StreamError } from '../../errors/error.ts'
import type { JournalAgreement, JournalPayment } from '../../ledger/journal.ts'
import type { NodeIdentity } from '../../lightning/node.ts'
import { type Msat, minus, msat, ZERO } from '../../money/msat.ts'
import type { Challenge } from '../../wire/challenge.ts'
import { readChallenges, type SchemeName } from '../../wire/challenges.ts'
import { isGrpc } from '../../wire/grpc.ts'
import { L402_TOKEN_METADATA, toL402Metadata } from '../../wire/l402/header.ts'
import { decodeSessionRequest, TOP_UP_FOR } from '../../wire/mpp/session.ts'
import { fromProblem } from '../../wire/problem.ts'
import type { Wallet } from '../payments/payer.ts'
import { notePurchase } from '../purchase.ts'
import { countedBody } from '../received/countedBody.ts'
import { fitsBody } from '../requests/bodyDigest.ts'
import { hasRoom } from '../requests/ownHeaders.ts'
import { placeOf } from '../requests/place.ts'
import { checkTransport } from '../requests/transport.ts'
import { readJson } from '../trade/control.ts'
import { SETTLING_PAUSES_MS, tellDeposit, tellDeposits } from './deposits.ts'
import { endOf, type Paid, prepay } from './paying.ts'
import {
  checkPrepayment,
  type PrepaidLimits,
  type PrepaidOption,
  type PrepaidScheme,
  readPrepayment,
} from './prepayment.ts'
import { Receipts } from './receipts.ts'
import { closeSession, freshChallenge, makeReturnInvoice, type Refund, type SessionPlace } from './session.ts'
import { SessionAccount } from './sessionAccount.ts'
import { credentialOf, newToken, noted, rowOf, type Token, tokenOf, wasAnswered, wasRefused } from './token.ts'

/** How something prepaid stands: the same names in every place that shows it. */
export interface PrepaidSummary {
  /** The buyer's own id, under which the journal has it. */
  readonly agreement: string
  readonly scheme: PrepaidScheme
  readonly url: string
  readonly paymentHash: string
  readonly paid: Msat
  readonly fees: Msat
  /** Payments of this buyer object: none for what an earlier run bought. */
  readonly payments: number
  /** What this buyer object used of it, by its own count; of a charge or a token that it bought all, once there was an answer. */
  readonly received: Msat
  /** Requests that were answered on it. */
  readonly uses: number
  /** Requests that are being answered; of a session until the answer is read. */
  readonly active: number
  /** An earlier run bought it. */
  readonly resumed: boolean
  /** `open` while it may be used again, also by a later run. */
  readonly state: 'open' | 'closed'
  /** Of a session that was closed: what became of what was left. */
  readonly refund?: Refund
  /** What the seller's receipts say that cannot be: `receipt-mismatch`. What came is not undone by it. */
  readonly receiptFault?: StreamError
}

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

/** A request that is paid for. */
interface Asking {
  readonly url: string
  readonly request: RequestInit
  /** Its headers, where they were meant for this very origin. */
  readonly own: RequestInit['headers']
}

/** A token in the hands of this process. */
class Held {
  /** Its challenge is another once the first has expired. */
  token: Token
  readonly preimage: string
  fees: Msat
  /** Of the last request that was made where it was bought: what goes with what is said about it (see `controlHeaders`). */
  ownHeaders: RequestInit['headers']
  /** Deposits of a session that were made later are in it. */
  paid: Msat
  /** Of a session that was opened. */
  account: SessionAccount | undefined
  refund: Refund | undefined
  readonly receipts: Receipts
  /** Payment hashes of its further deposits that are being paid. */
  readonly paying = new Set<string>()
  payments: number
  uses = 0
  active = 0
  readonly #resumed: boolean
  /** It was answered with something else than a 402, now or in an earlier run. */
  wasGood: boolean
  /** Refused after it was paid for, now or in an earlier run: tried once more before it is given up. */
  wasRefused: boolean
  /** What earlier runs paid for it, with the further deposits of a session. How much of that they used, only the seller knows. */
  readonly before: Msat
  state: PrepaidSummary['state'] = 'open'
  /** The closing of a session that is under way: nothing new is asked on it. */
  ending: Promise<void> | undefined

  /** @param earlier what an earlier run left of it */
  constructor(
    { journal }: Wallet,
    token: Token,
    { preimage, fee }: Paid,
    earlier?: { readonly entry: JournalAgreement; readonly paid: Msat },
  ) {
    this.token = token
    this.preimage = preimage
    this.fees = fee
    this.paid = earlier?.paid ?? token.amount
    this.before = earlier?.paid ?? ZERO
    this.payments = earlier ? 0 : 1
    this.#resumed = earlier !== undefined
    this.receipts = new Receipts(token, (fault) => journal.noteFault(token.id, fault))
    this.wasGood = earlier !== undefined && wasAnswered(earlier.entry)
    this.wasRefused = earlier !== undefined && wasRefused(earlier.entry)
  }

  get isUsable(): boolean {
    return this.state === 'open' && !this.ending
  }

  summary(): PrepaidSummary {
    const { id: agreement, scheme, url, paymentHash } = this.token
    const { paid, fees, payments, uses, active, state, refund } = this
    const { fault: receiptFault } = this.receipts
    const whole = this.#resumed || uses === 0 ? ZERO : paid
    const received = scheme === 'session' ? (this.account?.spent ?? ZERO) : whole
    const figures = { paid, fees, payments, received, uses, active }
    const resumed = this.#resumed
    const told = { ...(refund && { refund }), ...(receiptFault && { receiptFault }) }
    return { agreement, scheme, url, paymentHash, ...figures, resumed, state, ...told }
  }
}

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

  /** What a 402 offers that can be paid here, the most wanted first. @param request that the credential has to go with */
  options(refused: Response, request: RequestInit = {}): readonly PrepaidOption[] {
    const { options } = readChallenges(refused.headers.get('www-authenticate') ?? '')
    const order = (scheme: SchemeName) => this.#parts.schemes.indexOf(scheme)
    return options
      .filter((option): option is PrepaidOption => PAYABLE.includes(option.scheme) && order(option.scheme) >= 0)
      .filter(({ challenge }) => hasRoom(request, challenge))
      .sort((a, b) => order(a.scheme) - order(b.scheme))
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
    const { url, request } = asking
    const { wallet, info } = await this.#parts.ready()
    const fits = await Promise.all(options.map(({ challenge }) => fitsBody(challenge, request)))
    // A body that nobody here can read is sent once more as it was.
    const prepayment = choose(options, (option) => fits[options.indexOf(option)] !== false, info, this.#parts)
    const place = { url, method: methodOf(request) }
    const isSession = prepayment.scheme === 'session'
    const token = newToken(prepayment, place, isSession ? { returnInvoice: await makeReturnInvoice(wallet.node) } : {})
    const startedAt = performance.now()
    const paid = await this.#payFor(wallet, token)
    const held = this.#keep(new Held(wallet, token, paid))
    held.ownHeaders = asking.own
    if (isSession) this.#account(held, request, performance.now() - startedAt)
    this.#parts.onChange(held.summary())
    for (let attempt = 0; ; attempt++) {
      const response = await this.#present(held, asking)
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
    const { origin } = new URL(url)
    const payment = { agreementId, origin, paymentHash, request: invoice, amount, bought: rowOf(token) }
    const paid = await prepay(wallet, payment).catch(async (error) => {
      // A payment that may yet settle buys what stands here: the next request finds it, in this run or a later one.
      const isOpen = ['pending', 'unknown', 'settled'].includes((await journal.getPayment(paymentHash))?.status ?? '')
      await (isOpen ? journal.releaseAgreement(id) : journal.closeAgreement(id, undefined))
      throw error
    })
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
      before: held.before,
      maxRisk: this.#parts.maxRisk,
      latencyMs,
      topUp: () => this.#topUp(held, request),
      onReceipt: (data) => held.receipts.holdLast(data, held.account!.mostSpent),
    })
    return held.account
  }

  /** A further deposit, by a challenge of its own, at no higher price (draft-lightning-session, "TopUp Action"). */
  async #topUp(held: Held, request: RequestInit): Promise<Msat> {
    const { send } = this.#parts
    const { wallet, info } = await this.#parts.ready()
    const { url, method, paymentHash: sessionId } = held.token
    const headers = new Headers(request.headers)
    headers.set(TOP_UP_FOR, sessionId)
    const refused = await send(url, { ...request, headers })
    await refused.body?.cancel().catch(() => {})
    const options = refused.status === 402 ? this.options(refused, request) : []
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
    held.payments++
    await tellDeposit(this.#sessionPlace(held, wallet), token, paid.preimage).catch(async (error) => {
      // It is told again before the session is closed, or by a later run.
      await wallet.journal.releaseAgreement(token.id)
      throw error
    })
    return token.amount
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
    const response =
      token.scheme === 'session' ? await this.#useSession(held, asking) : await this.#show(held, asking, {})
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

  #show({ token, preimage }: Held, { url, request }: Asking, payload: object): Promise<Response> {
    const headers = new Headers(request.headers)
    headers.set(...credentialOf(token, { ...payload, preimage }, preimage, headers))
    // Servers of gRPC may look for it there alone (L402, "gRPC Protocol Specification"). A token that the service itself asked for stays.
    const isCall = isGrpc(headers.get('content-type')) && !headers.has(L402_TOKEN_METADATA)
    if ('token' in token.challenge && isCall) {
      headers.set(L402_TOKEN_METADATA, toL402Metadata(token.challenge.token, preimage))
    }
    // The events of a session could not be taken out of what is compressed.
    if (token.scheme === 'session') headers.set('accept-encoding', 'identity')
    return this.#parts.send(url, { ...request, headers })
  }

  /** Opens the session by the first request, and shows it with those that follow. One that is empty gets a further deposit. */
  async #useSession(held: Held, asking: Asking): Promise<Response> {
    const { token, wasGood, before } = held
    const { paymentHash: sessionId, returnInvoice } = token
    const { amount: each } = decodeSessionRequest((token.challenge as Challenge).request)
    const show = async (action: 'open' | 'bearer'): Promise<Response> => {
      const payload = action === 'open' ? { action, returnInvoice } : { action, sessionId }
      const shown = await this.#show(held, asking, payload)
      const fresh = freshChallenge(shown, held.token.challenge)
      // What opens a session is bound to the invoice that was paid for it.
      const isAsGood = action === 'bearer' || fresh?.request.paymentHash === sessionId
      if (!fresh || !isAsGood || fresh.request.amount > each) return shown
      await shown.body?.cancel().catch(() => {})
      held.token = { ...token, challenge: fresh.challenge }
      const again = await this.#show(held, asking, payload)
      if (again.status === 402) held.token = token
      return again
    }
    const response = await show(wasGood ? 'bearer' : 'open')
    if (response.status !== 402) return response
    const body = await readJson(response.clone()).catch(() => undefined)
    const isEmpty = fromProblem(body)?.code === 'payment-insufficient'
    // Where the seller does not say that it is short it may as well be closed: another is safer than a deposit for this one.
    if (wasGood && !isEmpty) return response
    await response.body?.cancel().catch(() => {})
    // It may have been opened, and used up, by a run that was killed before it could note that. One that is paid for just now is not empty.
    if (isEmpty && (wasGood || before > 0n)) await held.account?.topUpNow()
    return show('bearer')
  }

  async #wasGood(held: Held): Promise<void> {
    const { token, wasGood } = held
    held.wasGood = true
    // A charge is used up, whatever the answer says.
    if (token.scheme === 'charge') return this.#close(held)
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
const PAYABLE: readonly SchemeName[] = ['session', 'charge', 'l402']
/** What a payment is taken to last before one was made. */
const FIRST_LATENCY_MS = 1000

/** An answer of which is told when it is whole, or its reader left. */
function whileRead(response: Response, leave: () => void, signal: AbortSignal | null | undefined): Response {
  if (!response.body) return response
  const reading = {
    waiting() {},
    read() {},
    done: leave,
    cut(reason: unknown) {
      leave()
      return reason
    },
  }
  const body = countedBody(response.body, reading, signal ?? new AbortController().signal)
  return Object.defineProperty(new Response(body, response), 'url', { value: response.url })
}

/** The most wanted option that is within the limits. @throws StreamError what is wrong with the most wanted, if none is */
function choose(
  options: readonly PrepaidOption[],
  fits: (option: PrepaidOption) => boolean,
  info: NodeIdentity,
  limits: PrepaidLimits,
) {
  const errors: unknown[] = []
  for (const option of options) {
    try {
      if (!fits(option)) throw new StreamError('seller-failed', 'the seller offers a challenge for another body')
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

/** Whether a token may be shown with a request: beside its headers, and for its body if it is bound to one. */
async function isGoodFor({ challenge }: Token, request: RequestInit): Promise<boolean> {
  if (!hasRoom(request, challenge)) return false
  return !('digest' in challenge) || (await fitsBody(challenge, request)) === true
}
const isAway = (error: unknown): boolean =>
  error instanceof StreamError && (error.code === 'seller-unreachable' || error.code === 'seller-failed')

const methodOf = ({ method = 'GET' }: RequestInit): string => method.toUpperCase()
