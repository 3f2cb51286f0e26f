import { StreamError } from '../../errors/error.ts'
import { COUNTED, countsOnStatements, countsUpload, outputUnit } from '../../meter/answer.ts'
import { type Msat, max, min, minus, msat, ZERO } from '../../money/msat.ts'
import { costUp, stepsFor } from '../../money/price.ts'
import { creditAt } from '../../terms/credit.ts'
import type { Agreement } from '../../terms/terms.ts'
import { sustainableRate } from '../../window/window.ts'
import { type Challenge, headerFor, PAYMENT_AUTHORIZATION } from '../../wire/challenge.ts'
import { formatCredential } from '../../wire/credential.ts'
import { costsNothing, decodeReceipt } from '../../wire/receipt.ts'
import { encodeStatement, type Statement } from '../../wire/statement.ts'
import { NO_PAST, type Past } from '../journal/past.ts'
import { type Deal, randomHex } from '../offers/negotiate.ts'
import { limitError, windowError } from '../payments/blocked.ts'
import { firstInvoices, openingAmount } from '../payments/opening.ts'
import { Payer, type Wallet } from '../payments/payer.ts'
import { notePurchase, type Purchase } from '../purchase.ts'
import { countedBody, type Reading } from '../received/countedBody.ts'
import type { Receipt } from '../received/receipt.ts'
import { faultText, receiptFault } from '../received/receiptFault.ts'
import { BodyCounter, expectedSteps, Received } from '../received/received.ts'
import { firstSteps, isFlatRate } from '../received/tariffTally.ts'
import { hasRoom, headerBeside } from '../requests/ownHeaders.ts'
import { placeOf } from '../requests/place.ts'
import { measured } from '../requests/requestBody.ts'
import { Arrivals } from './arrivals.ts'
import { askForClosing, type Closing, disputeOf, takeBack } from './closing.ts'
import { control, type Endpoint, send, unreachable } from './control.ts'
import { Halts } from './halts.ts'
import { Readers } from './readers.ts'
import { SellersCount } from './sellersCount.ts'
import type { TradeSummary } from './summary.ts'
import { follow, statementNow } from './watch.ts'

export interface TradeOptions {
  readonly ahead: Msat
  /** The reader gets an error when nothing came for this long though it was paid. In ms. */
  readonly stallMs: number
  /** The most that one request may cost. */
  readonly requestLimit: Msat | undefined
}

/** The control channel is opened after this long without an answer: something may be due that only it tells. */
const WATCH_AFTER_MS = 120
const SETTLE_MS = 15_000
/** After so many requests on an agreement more are likely. */
const GOES_ON = 3
/** What was received is noted this often at most, so that a run that is killed forgets little of it. */
const NOTE_MS = 50
/** The payer is asked again whenever this part of the window was received: finer would cost and change nothing. */
const CHECKS_A_WINDOW = 32n

/** One agreement in use: its requests, what they received, and the payer that pays for it. */
export class Trade {
  readonly deal: Deal
  readonly endpoint: Endpoint
  readonly #place: string
  /** Of the last request that was made where the control actions go. */
  #ownHeaders: Endpoint['headers']
  /** The seller takes the credential in `Payment-Authorization` too. */
  #leavesRoom: boolean
  readonly #credential: string
  readonly #wallet: Wallet
  readonly #options: TradeOptions
  readonly #payer: Payer
  readonly #received: Received
  readonly #seller: SellersCount
  readonly #halts = new Halts()
  readonly #arrivals = new Arrivals()
  readonly #readers: Readers
  readonly #checkEvery: bigint
  readonly #startedAt: number
  readonly #resumed: boolean
  #uncheckedSteps = 0n
  #notedAt = 0
  /** The seller's count may be above ours: it is asked before more is paid. */
  #outOfStep: boolean
  #goodReceipt = ''
  #receiptFault: StreamError | undefined
  #lastAt: number
  #firstByteMs: number | undefined
  #maxUnpaid = 0n
  readonly #whenIdle: (() => void)[] = []
  #requests = 0
  #bytes = 0
  #returned: Msat = msat(0n)
  #closed = false
  #watching: AbortController | undefined
  #watchTimer: ReturnType<typeof setTimeout> | undefined
  #closing: Promise<Closing> | undefined

  /**
   * @param startedAt when the buyer began to ask for the resource, monotonic ms
   * @param past what an earlier run did on this agreement
   */
  constructor(
    deal: Deal,
    endpoint: Endpoint,
    wallet: Wallet,
    options: TradeOptions,
    startedAt: number,
    past: Past = NO_PAST,
  ) {
    const { agreement, secret, challenge } = deal
    this.deal = deal
    this.endpoint = endpoint
    this.#place = placeOf(endpoint.url)
    this.#ownHeaders = endpoint.headers
    this.#leavesRoom = headerFor(challenge) === PAYMENT_AUTHORIZATION
    this.#wallet = wallet
    this.#options = options
    this.#startedAt = startedAt
    this.#lastAt = startedAt
    this.#resumed = past !== NO_PAST
    this.#outOfStep = this.#resumed
    this.#received = new Received(agreement, this.#resumed ? past.receivedSteps : undefined)
    this.#seller = new SellersCount(agreement, options.ahead, this.#received, this.#arrivals)
    this.#checkEvery = stepsFor(agreement.price, options.ahead / CHECKS_A_WINDOW) ?? 0n
    this.#credential = formatCredential({ challenge, payload: { action: 'use', agreement: agreement.id, secret } })
    const opening = openingAmount(agreement, options.ahead)
    this.#payer = new Payer(wallet, agreement, {
      ahead: options.ahead,
      origin: new URL(endpoint.url).origin,
      ask: (amounts) => {
        const order = { action: 'invoices' as const, agreement: agreement.id, secret, amounts, nonce: randomHex(16) }
        return control(this.#control, challenge, order)
      },
      consumption: () => ({
        received: this.#received.cost(performance.now()),
        receivedSteps: this.#received.steps(performance.now()),
        demand: this.#received.demand(opening),
        goesOn: this.#requests >= GOES_ON,
        due: this.#due,
        requestLeft: this.#readers.requestLeft,
      }),
      onChange: () => this.#readers.tell(),
      past,
    })
    this.#readers = new Readers({
      payer: this.#payer,
      received: this.#received,
      seller: this.#seller,
      arrivals: this.#arrivals,
      budget: wallet.budget,
      ...options,
      due: () => this.#due,
      started: () => this.#firstByteMs !== undefined,
    })
    // Those of an earlier run are old, and were used.
    if (!this.#resumed) this.#payer.addInvoices(deal.invoices, firstInvoices(agreement, options.ahead))
  }

  get agreement(): Agreement {
    return this.deal.agreement
  }

  get closed(): boolean {
    return this.#closed
  }

  get #control(): Endpoint {
    return { ...this.endpoint, headers: this.#ownHeaders }
  }

  /** Another challenge of the same seller for what this trade pays for. */
  offered(challenge: Challenge): void {
    this.#leavesRoom ||= headerFor(challenge) === PAYMENT_AUTHORIZATION
  }

  /** Whether its credential can go with a request, which may have an `Authorization` of its own. */
  takes(request: RequestInit): boolean {
    return this.#leavesRoom || hasRoom(request, this.deal.challenge)
  }

  /** It is closed, or being closed: nothing more is to be asked on it. */
  get ending(): boolean {
    return this.#closing !== undefined
  }

  get error(): StreamError | undefined {
    return this.#payer.error
  }

  /** Something was cut off, or cannot be paid: whether it goes on here is for the seller to say. */
  get inDoubt(): boolean {
    return this.#outOfStep || this.#payer.error !== undefined
  }

  /** Resolves when no request is open on it. */
  async idle(): Promise<void> {
    if (this.#received.open.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /**
   * Whether a further request can be made on this agreement. After something was cut off, or an earlier run ended, the seller is asked
   * how the agreement stands: what it delivered and this buyer never got takes room in the window for good, because the
   * invariant holds over the whole agreement. One whose window is half used up that way is to be closed, and so is one in which
   * payments without an outcome leave no room for the next: theirs may take hours to come.
   * @throws StreamError `seller-unreachable`, `seller-failed`, `count-mismatch`; the signal's reason
   */
  async isGood(signal?: AbortSignal): Promise<boolean> {
    if (this.ending) return false
    // What could not be paid has used up its invoices, and they stay open for minutes: another agreement has some of its own.
    if (this.#payer.error?.code === 'too-many-invoices') return false
    if (!this.#payer.error && this.#received.open.size === 0 && this.#isFull(ZERO)) return false
    if (this.#payer.error || !this.#outOfStep || this.#received.open.size > 0) return true
    const { challenge, agreement, secret } = this.deal
    const payload = { action: 'watch' as const, agreement: agreement.id, secret }
    const endpoint = { ...this.#control, signal }
    const statement = await statementNow(await send(endpoint, challenge, payload)).catch((error) => {
      signal?.throwIfAborted()
      // The connection may end in the middle of it.
      throw unreachable(endpoint.url, error)
    })
    if (!statement || statement.state === 'closed') return false
    this.#heard(statement)
    if (this.#payer.error) throw this.#withCounts(this.#payer.error)
    this.#outOfStep = false
    const lost = minus(statement.delivered, this.#received.cost(performance.now()))
    return (lost + this.#payer.unknown) * 2n < this.#options.ahead && !this.#isFull(lost)
  }

  /** What counts in the window and will not make room by being read leaves too little for a payment, or did so to the last request. */
  #isFull(lost: Msat): boolean {
    const { unknown, least } = this.#payer
    const next = max(costUp(this.agreement.price, firstSteps(this.agreement.tariff)), least)
    return this.#readers.lackedRoom || (unknown > 0n && unknown + lost + next > this.#options.ahead)
  }

  /**
   * Sends a request on this agreement. Payments start with it and not after it, so a stranger's first byte waits for one
   * payment only.
   * @param isOwn whether its headers were meant for this very origin
   * @throws StreamError what keeps the trade from paying, or `seller-unreachable`
   */
  async fetch(url: string, init: RequestInit, isOwn = true): Promise<Response> {
    // It may have been called off while terms were agreed on: then nothing is paid.
    init.signal?.throwIfAborted()
    if (isOwn && init.headers && placeOf(url) === this.#place) this.#ownHeaders = init.headers
    if (this.#received.open.size === 0) this.#payer.revive()
    if (this.#payer.error) throw this.#withCounts(this.#payer.error)
    this.#checkWindow()
    const abort = new AbortController()
    const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal
    const { request, sent } = countsUpload(this.agreement.tariff) ? await measured(init) : { request: init, sent: 0n }
    init.signal?.throwIfAborted()
    const receipt = this.#begin(abort, sent)
    const headers = new Headers(request.headers)
    headers.set(headerBeside(headers, this.deal.challenge), this.#credential)
    // A decoded body could not be counted: what is sold is the bytes as the seller sends them.
    headers.set('accept-encoding', 'identity')
    try {
      const response = await this.endpoint.fetch(url, { ...request, headers, signal })
      return notePurchase(this.#answered(response, receipt, signal), this.#purchase(receipt))
    } catch (error) {
      receipt.cut = true
      this.#end(receipt, false)
      if (abort.signal.aborted) throw this.#withCounts(abort.signal.reason)
      if (init.signal?.aborted) throw init.signal.reason
      throw this.#withCounts(unreachable(url, error))
    }
  }

  #purchase(receipt: Receipt): Purchase {
    const cost = () => this.#received.costOf(receipt, performance.now())
    const paid = () => this.#payer.paid
    return {
      agreement: this.agreement.id,
      get cost() {
        return cost()
      },
      get paid() {
        return paid()
      },
    }
  }

  /** A window, or a limit, that cannot open the gate for a single step is no reason to pay anything. */
  #checkWindow(): void {
    const { price, tariff, credit, smallestPayment } = this.agreement
    const { requestLimit: limit } = this.#options
    const least = costUp(price, firstSteps(tariff))
    if (limit !== undefined && least > limit) {
      throw this.#withCounts(limitError({ limit: 'request', max: limit, spent: ZERO }))
    }
    const first = minus(least, max(credit.start, creditAt(credit, this.#payer.paid)))
    const need = first === 0n ? first : max(first, smallestPayment)
    if (need > this.#options.ahead) throw this.#withCounts(windowError(need, this.#options.ahead))
  }

  #begin(abort: AbortController, sent: bigint): Receipt {
    const receipt = this.#received.begin(performance.now(), sent)
    this.#requests++
    this.#readers.add(receipt, abort)
    this.#payer.join()
    this.#payer.kick()
    if (countsOnStatements(this.agreement)) this.#watch()
    else this.#watchTimer ??= setTimeout(() => this.#watch(), WATCH_AFTER_MS)
    return receipt
  }

  #answered(response: Response, receipt: Receipt, signal: AbortSignal): Response {
    const { agreement } = this
    if (!response.ok || costsNothing(response.headers)) {
      this.#end(receipt, false)
      return response
    }
    receipt.answered = true
    this.#holdReceipt(response.headers.get('payment-receipt'))
    checkEncoding(agreement, response)
    receipt.expected = expectedSteps(agreement, response.headers)
    const isFlat = isFlatRate(agreement)
    if (agreement.price.unit === 'request') receipt.steps = 1n
    if (!response.body || isFlat) {
      this.#firstByteMs ??= performance.now() - this.#startedAt
      this.#end(receipt, true)
      return response.body ? this.#counted(response, response.body, this.#uncounted(signal), signal) : response
    }
    this.#watch()
    this.#payer.kick()
    const counter = new BodyCounter(agreement, response.headers, receipt, this.#received, () => this.#covered)
    const reading = {
      waiting: () => this.#arrivals.waiting(performance.now()),
      read: (chunk: Uint8Array) => this.#count(counter, chunk, receipt),
      done: () => {
        counter.end()
        this.#end(receipt, true)
      },
      cut: (reason: unknown) => {
        receipt.cut = true
        this.#end(receipt, true)
        return this.#cutError(reason, signal)
      },
    }
    return this.#counted(response, response.body, reading, signal)
  }

  /** A receipt names the agreement that pays. A wrong one undoes nothing that came: it is told, and noted. */
  #holdReceipt(text: string | null): void {
    if (text === null || text === this.#goodReceipt || this.#receiptFault) return
    const { id } = this.agreement
    this.#receiptFault = receiptFault(() => decodeReceipt(text), { reference: id })
    if (this.#receiptFault) this.#wallet.journal.noteFault(id, faultText(this.#receiptFault)).catch(() => {})
    else this.#goodReceipt = text
  }

  #counted(response: Response, body: ReadableStream<Uint8Array>, reading: Reading, signal: AbortSignal): Response {
    const counted = new Response(countedBody(body, reading, signal), response)
    return Object.defineProperty(counted, 'url', { value: response.url })
  }

  /** A body whose request is counted as such: of the reading only that it was cut off is of interest. */
  #uncounted(signal: AbortSignal): Reading {
    const nothing = () => {}
    return { waiting: nothing, read: nothing, done: nothing, cut: (reason) => this.#cutError(reason, signal) }
  }

  /** What the reader of a body that was cut off gets: of who called it off the very reason, with the counts if it is one of our errors. */
  #cutError(reason: unknown, signal: AbortSignal): unknown {
    const own = (signal.aborted && reason === signal.reason) || reason instanceof DOMException
    return own && !(reason instanceof StreamError) ? reason : this.#withCounts(interrupted(reason))
  }

  #count(counter: BodyCounter, chunk: Uint8Array, receipt: Receipt): void {
    this.#arrivals.came()
    this.#firstByteMs ??= performance.now() - this.#startedAt
    this.#bytes += chunk.byteLength
    this.#uncheckedSteps += counter.push(chunk)
    this.#readers.checkLimit(receipt)
    if (this.#uncheckedSteps < this.#checkEvery && !this.#seller.paused) return
    this.#check()
  }

  /** Looks at everything anew: what was received, whether the reader is kept waiting, what to pay. */
  #check(): void {
    this.#uncheckedSteps = 0n
    this.#lastAt = performance.now()
    // What is in flight may have settled at the seller already: only what is neither paid nor sent is certainly owed.
    const unpaid = this.#received.cost(this.#lastAt) - this.#payer.paid - this.#payer.inFlight
    if (unpaid > this.#maxUnpaid) this.#maxUnpaid = unpaid
    if (this.#lastAt - this.#notedAt >= NOTE_MS) this.#note()
    const halted = this.#seller.paused && !this.#seller.unread(this.#lastAt) && this.#firstByteMs !== undefined
    this.#halts.note(halted && this.#received.open.size > 0, this.#lastAt)
    this.#payer.kick()
  }

  #end(receipt: Receipt, charged: boolean): void {
    this.#received.end(receipt, performance.now(), charged)
    this.#readers.remove(receipt)
    this.#outOfStep ||= receipt.cut
    this.#check()
    this.#note()
    if (this.#received.open.size > 0) return
    clearTimeout(this.#watchTimer)
    this.#watchTimer = undefined
    this.#arrivals.came()
    this.#watching?.abort()
    this.#watching = undefined
    this.#payer.rest()
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** Writes down what was received. What cannot be noted makes the count of a later run smaller, and stops nothing. */
  #note(): void {
    this.#notedAt = performance.now()
    const { journal } = this.#wallet
    journal.noteReceived(this.agreement.id, this.#received.steps(this.#notedAt)).catch(() => {})
  }

  #watch(): void {
    if (this.#watching || this.#closed || this.#received.open.size === 0) return
    this.#watching = new AbortController()
    const { challenge, agreement, secret } = this.deal
    const payload = { action: 'watch' as const, agreement: agreement.id, secret }
    const connect = (signal: AbortSignal) => send(this.#control, challenge, payload, signal)
    const news = {
      statement: (statement: Statement) => this.#heard(statement),
      alive: () => this.#arrivals.alive(performance.now()),
    }
    void follow(connect, news, this.#watching.signal)
  }

  #heard(statement: Statement): void {
    if (statement.agreement !== this.agreement.id) return
    const now = performance.now()
    const excess = this.#seller.hear(statement, this.#payer.paid, now)
    if (excess > 0n) {
      const text = `the seller counts ${excess} more steps than can have been received`
      this.#payer.stop(new StreamError('count-mismatch', text, { stated: `${statement.steps}` }))
      return this.#readers.abortAll(this.#payer.error!)
    }
    this.#check()
    this.#readers.tell()
  }

  /** What the seller waits for, while somebody here waits for the seller. */
  get #due(): Msat {
    return this.#received.open.size === 0 ? ZERO : this.#seller.due(this.#payer.paid, performance.now())
  }

  /** How many more steps an honest seller can have let leave: all that is paid, on its way and given on credit, less what came. */
  get #covered(): bigint | undefined {
    const { price, credit } = this.agreement
    const spent = msat(this.#payer.paid + this.#payer.inFlight)
    const most = stepsFor(price, msat(spent + creditAt(credit, spent)))
    return most === undefined ? undefined : most - this.#received.shown(performance.now())
  }

  /** The error with what a reader needs to judge its loss and to go on. */
  #withCounts(error: StreamError): StreamError {
    const { received, paid, steps } = this.summary()
    const left = minus(paid, received)
    const counts = {
      received: `${received}`,
      paid: `${paid}`,
      left: `${left}`,
      steps: `${steps}`,
      agreement: this.agreement.id,
    }
    return new StreamError(error.code, error.message, { ...counts, ...error.details }, error.cause ?? error)
  }

  summary(): TradeSummary {
    const { agreement } = this
    const now = performance.now()
    const active = this.#received.open.size > 0
    return {
      agreement: agreement.id,
      url: this.endpoint.url,
      unit: agreement.price.unit,
      price: agreement.price,
      ...(agreement.tariff && { tariff: agreement.tariff }),
      steps: this.#received.steps(now),
      bytes: this.#bytes,
      received: this.#received.cost(now),
      paid: this.#payer.paid,
      inFlight: this.#payer.inFlight,
      fees: this.#payer.fees,
      payments: this.#payer.payments,
      maxAhead: this.#payer.maxAhead,
      ahead: this.#options.ahead,
      maxUnpaid: msat(this.#maxUnpaid),
      credit: creditAt(agreement.credit, this.#payer.paid),
      firstByteMs: this.#firstByteMs,
      stallMs: this.#halts.totalMs(now),
      durationMs: (active ? now : this.#lastAt) - this.#startedAt,
      halted: this.#halts.count,
      windowPerSecond: sustainableRate(
        this.#options.ahead,
        creditAt(agreement.credit, this.#payer.paid),
        this.#wallet.pace.latencyMs,
      ),
      active: this.#received.open.size,
      state: this.#closed ? 'closed' : this.#halts.halted ? 'paused' : 'open',
      returned: this.#returned,
      resumed: this.#resumed,
      ...(this.#receiptFault && { receiptFault: this.#receiptFault }),
    }
  }

  /** Leaves the agreement open at the seller; what is in flight is followed to its end, and nothing more is paid from here. */
  async keep(signal?: AbortSignal): Promise<void> {
    this.#readers.abortAll(new StreamError('interrupted', 'the buyer was closed'))
    await this.#rest(signal)
    await this.#wallet.journal.releaseAgreement(this.agreement.id)
  }

  /**
   * Ends the agreement, once: the final statement is checked against the buyer's own count, and the balance comes back. Where the
   * seller cannot be asked, or the signal aborts before it has answered, the agreement is given back to the journal, open as it is.
   * @throws StreamError `seller-unreachable`, `statement-invalid`; the signal's reason
   */
  close(signal?: AbortSignal): Promise<Closing> {
    this.#closing ??= this.#close(signal).finally(() => this.#wallet.journal.releaseAgreement(this.agreement.id))
    return this.#closing
  }

  async #close(signal: AbortSignal | undefined): Promise<Closing> {
    this.#readers.abortAll(new StreamError('interrupted', 'the agreement was closed'))
    await this.#rest(signal)
    const { agreement } = this.deal
    const endpoint = { ...this.#control, signal }
    const statement = await askForClosing(endpoint, this.deal, this.#payer.paid)
    this.#closed = true
    const now = performance.now()
    const { paid } = this.#payer
    const excess = this.#seller.excess(statement, paid, now)
    this.#received.conclude(statement.steps)
    const dispute = disputeOf(statement, agreement, { paid, steps: this.#received.steps(now), excess })
    const { journal, node } = this.#wallet
    await journal.closeAgreement(agreement.id, JSON.stringify(encodeStatement(statement)))
    // More than was paid is nobody's to return.
    const amount = min(statement.balance, paid)
    const returned = await takeBack({ node, journal, endpoint, deal: this.deal }, amount)
    if (returned === 'settled') this.#returned = amount
    return { agreement: agreement.id, statement, returned, amount, ...(dispute && { dispute }) }
  }

  /** Waits for what is on its way, and notes the count. */
  async #rest(signal: AbortSignal | undefined): Promise<void> {
    await this.#payer.settled(SETTLE_MS, signal)
    this.#payer.end()
    this.#note()
  }
}

/**
 * What is sold by the byte or the token is what travels, and a body that was decoded on its way here swells: a few bytes of zeros,
 * encoded, would be counted as millions. None was asked for.
 */
function checkEncoding(agreement: Agreement, response: Response): void {
  const encoding = response.headers.get('content-encoding') ?? 'identity'
  const unit = outputUnit(agreement)
  const counted = unit !== undefined && COUNTED.has(unit) ? unit : agreement.tariff?.input && 'token'
  if (!counted || encoding.trim().toLowerCase() === 'identity') return
  response.body?.cancel().catch(() => {})
  throw new StreamError(
    'count-mismatch',
    `the seller's answer is encoded (${encoding}): its ${counted}s cannot be counted`,
  )
}

function interrupted(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new StreamError('stream-interrupted', `the stream broke off: ${detail}`, {}, error)
}
