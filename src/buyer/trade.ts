import { StreamError } from '../errors/error.ts'
import { formatMsat, type Msat, max, min, minus, msat, ZERO } from '../money/msat.ts'
import { costUp, stepsFor } from '../money/price.ts'
import { creditAt } from '../terms/credit.ts'
import type { Agreement } from '../terms/terms.ts'
import { sustainableRate } from '../window/window.ts'
import { formatCredential } from '../wire/credential.ts'
import { encodeStatement, type Statement } from '../wire/statement.ts'
import { askForClosing, type Closing, disputeOf, takeBack } from './closing.ts'
import { control, type Endpoint, send, unreachable } from './control.ts'
import { countedBody } from './countedBody.ts'
import { Halts } from './halts.ts'
import type { Deal } from './negotiate.ts'
import { firstInvoices, openingAmount } from './opening.ts'
import { Payer, type Wallet } from './payer.ts'
import { BodyCounter, expectedSteps, type Receipt, Received } from './received.ts'
import { follow } from './watch.ts'

export interface TradeOptions {
  readonly ahead: Msat
  /** The reader gets an error when nothing came for this long though it was paid. In ms. */
  readonly stallMs: number
}

/** How a trade stands: the same names in every place that shows one. Times in ms. */
export interface TradeSummary {
  readonly agreement: string
  readonly url: string
  readonly unit: string
  readonly price: Agreement['price']
  readonly steps: bigint
  readonly bytes: number
  readonly received: Msat
  readonly paid: Msat
  readonly inFlight: Msat
  readonly fees: Msat
  readonly payments: number
  /** The most that was paid or in flight for what had not come; at most `ahead`. */
  readonly maxAhead: Msat
  readonly ahead: Msat
  /** The most that was received and neither paid nor on its way; at most the credit. */
  readonly maxUnpaid: Msat
  readonly credit: Msat
  readonly firstByteMs: number | undefined
  readonly stallMs: number
  readonly durationMs: number
  readonly halted: number
  /** What the windows carry without a halt at the payment time seen, in msat a second: the bound to lift if it is too low. */
  readonly windowPerSecond: bigint
  readonly state: 'open' | 'paused' | 'closed'
  readonly returned: Msat
}

/** The control channel is opened after this long without an answer: something may be due that only it tells. */
const WATCH_AFTER_MS = 120
const SETTLE_MS = 15_000
/** How long a stream stands still for payments of unknown outcome before its reader is told. */
const PATIENCE_MS = 3000
/** Longer than this nothing that was sent is on its way. */
const ON_THE_WAY_MS = 1000
/** The payer is asked again whenever this part of the window was received: finer would cost and change nothing. */
const CHECKS_A_WINDOW = 32n

/** One agreement in use: its requests, what they received, and the payer that pays for it. */
export class Trade {
  readonly deal: Deal
  readonly endpoint: Endpoint
  readonly #credential: string
  readonly #wallet: Wallet
  readonly #options: TradeOptions
  readonly #payer: Payer
  readonly #received: Received
  readonly #halts = new Halts()
  readonly #aborts = new Map<Receipt, AbortController>()
  readonly #checkEvery: bigint
  readonly #startedAt: number
  #uncheckedSteps = 0n
  #lastAt: number
  #waitingSince: number | undefined
  #firstByteMs: number | undefined
  #statement: Statement | undefined
  #maxUnpaid = 0n
  #bytes = 0
  #returned: Msat = msat(0n)
  #closed = false
  #watching: AbortController | undefined
  #watchTimer: ReturnType<typeof setTimeout> | undefined
  #stallTimer: ReturnType<typeof setInterval> | undefined
  #patience: ReturnType<typeof setTimeout> | undefined

  /** @param startedAt when the buyer began to ask for the resource, monotonic ms */
  constructor(deal: Deal, endpoint: Endpoint, wallet: Wallet, options: TradeOptions, startedAt: number) {
    const { agreement, secret, challenge } = deal
    this.deal = deal
    this.endpoint = endpoint
    this.#wallet = wallet
    this.#options = options
    this.#startedAt = startedAt
    this.#lastAt = startedAt
    this.#received = new Received(agreement.price)
    this.#checkEvery = stepsFor(agreement.price, options.ahead / CHECKS_A_WINDOW) ?? 0n
    this.#credential = formatCredential({ challenge, payload: { action: 'use', agreement: agreement.id, secret } })
    const opening = openingAmount(agreement, options.ahead)
    this.#payer = new Payer(wallet, agreement, {
      ahead: options.ahead,
      origin: new URL(endpoint.url).origin,
      ask: (amounts) => control(endpoint, challenge, { action: 'invoices', agreement: agreement.id, secret, amounts }),
      consumption: () => ({
        received: this.#received.cost(performance.now()),
        demand: this.#received.demand(opening),
        due: this.#missing,
      }),
      onChange: () => this.#tellReaders(),
    })
    this.#payer.addInvoices(deal.invoices, firstInvoices(agreement, options.ahead))
  }

  get agreement(): Agreement {
    return this.deal.agreement
  }

  get closed(): boolean {
    return this.#closed
  }

  get error(): StreamError | undefined {
    return this.#payer.error
  }

  /**
   * Sends a request on this agreement. Payments start with it and not after it, so a stranger's first byte waits for one
   * payment only.
   * @throws StreamError what keeps the trade from paying, or `seller-unreachable`
   */
  async fetch(url: string, init: RequestInit): Promise<Response> {
    if (this.#payer.error) throw this.#withCounts(this.#payer.error)
    this.#checkWindow()
    const abort = new AbortController()
    const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal
    const receipt = this.#begin(abort)
    const headers = new Headers(init.headers)
    headers.set('authorization', this.#credential)
    // A decoded body could not be counted: what is sold is the bytes as the seller sends them.
    headers.set('accept-encoding', 'identity')
    try {
      return this.#answered(await this.endpoint.fetch(url, { ...init, headers, signal }), receipt, signal)
    } catch (error) {
      this.#end(receipt, false)
      if (abort.signal.aborted) throw this.#withCounts(abort.signal.reason)
      if (init.signal?.aborted) throw init.signal.reason
      throw unreachable(url, error)
    }
  }

  /** A window that cannot open the gate for a single step is no reason to pay anything. */
  #checkWindow(): void {
    const { price, credit, smallestPayment } = this.agreement
    const first = minus(costUp(price, 1n), max(credit.start, creditAt(credit, this.#payer.paid)))
    const need = first === 0n ? first : max(first, smallestPayment)
    if (need > this.#options.ahead) throw this.#withCounts(this.#windowError(need))
  }

  #begin(abort: AbortController): Receipt {
    const receipt = this.#received.begin(performance.now())
    this.#aborts.set(receipt, abort)
    this.#payer.join()
    this.#payer.kick()
    if (this.#countsOnStatements) this.#watch()
    else this.#watchTimer ??= setTimeout(() => this.#watch(), WATCH_AFTER_MS)
    this.#stallTimer ??= setInterval(
      () => this.#checkStall(),
      Math.min(ON_THE_WAY_MS, Math.max(50, this.#options.stallMs / 4)),
    )
    return receipt
  }

  #answered(response: Response, receipt: Receipt, signal: AbortSignal): Response {
    const { price } = this.agreement
    receipt.answered = true
    if (!response.ok) {
      this.#end(receipt, false)
      return response
    }
    receipt.expected = expectedSteps(price, response.headers)
    if (price.unit === 'request') receipt.steps = 1n
    if (!response.body || price.unit === 'request') {
      this.#firstByteMs ??= performance.now() - this.#startedAt
      this.#end(receipt, true)
      return response
    }
    this.#watch()
    this.#payer.kick()
    const counter = new BodyCounter(price, response.headers.get('content-type'), receipt)
    const reading = {
      waiting: () => {
        this.#waitingSince ??= performance.now()
      },
      read: (chunk: Uint8Array) => this.#count(counter, chunk),
      done: () => {
        counter.end()
        this.#end(receipt, true)
      },
      cut: (reason: unknown) => {
        receipt.cut = true
        this.#end(receipt, true)
        return reason instanceof DOMException ? reason : this.#withCounts(interrupted(reason))
      },
    }
    const body = countedBody(response.body, reading, signal)
    return Object.defineProperty(new Response(body, response), 'url', { value: response.url })
  }

  #count(counter: BodyCounter, chunk: Uint8Array): void {
    this.#waitingSince = undefined
    this.#firstByteMs ??= performance.now() - this.#startedAt
    this.#bytes += chunk.byteLength
    this.#uncheckedSteps += counter.push(chunk)
    if (this.#uncheckedSteps < this.#checkEvery && this.#statement?.state !== 'paused') return
    this.#check()
  }

  /** Looks at everything anew: what was received, whether the reader is kept waiting, what to pay. */
  #check(): void {
    this.#uncheckedSteps = 0n
    this.#lastAt = performance.now()
    // What is in flight may have settled at the seller already: only what is neither paid nor sent is certainly owed.
    const unpaid = this.#received.cost(this.#lastAt) - this.#payer.paid - this.#payer.inFlight
    if (unpaid > this.#maxUnpaid) this.#maxUnpaid = unpaid
    const paused = this.#statement?.state === 'paused' && this.#firstByteMs !== undefined
    this.#halts.note(paused && !this.#unread && this.#received.open.size > 0, this.#lastAt)
    this.#payer.kick()
  }

  #end(receipt: Receipt, charged: boolean): void {
    this.#received.end(receipt, performance.now(), charged)
    this.#aborts.delete(receipt)
    this.#check()
    if (this.#received.open.size > 0) return
    clearTimeout(this.#watchTimer)
    clearInterval(this.#stallTimer)
    clearTimeout(this.#patience)
    this.#watchTimer = undefined
    this.#patience = undefined
    this.#stallTimer = undefined
    this.#waitingSince = undefined
    this.#watching?.abort()
    this.#watching = undefined
    this.#payer.rest()
  }

  /** The reader waits and nothing comes: it must learn of it. */
  #checkStall(): void {
    this.#payer.kick()
    this.#tellReaders()
    if (this.#waitingSince === undefined || performance.now() - this.#waitingSince < this.#options.stallMs) return
    const stalled = new StreamError('stream-stalled', `nothing came for ${this.#options.stallMs} ms`)
    this.#abortAll(this.#payer.error ?? this.#blockedError() ?? stalled)
  }

  /** The units whose receipt only the seller's statements tell, or bound. */
  get #countsOnStatements(): boolean {
    return !['byte', 'token', 'request'].includes(this.agreement.price.unit)
  }

  #watch(): void {
    if (this.#watching || this.#closed || this.#received.open.size === 0) return
    this.#watching = new AbortController()
    const { challenge, agreement, secret } = this.deal
    const payload = { action: 'watch' as const, agreement: agreement.id, secret }
    const connect = (signal: AbortSignal) => send(this.endpoint, challenge, payload, signal)
    void follow(connect, (statement) => this.#heard(statement), this.#watching.signal)
  }

  #heard(statement: Statement): void {
    if (statement.agreement !== this.agreement.id) return
    this.#statement = statement
    const excess = this.#excess(statement, performance.now())
    if (excess > 0n) {
      const text = `the seller counts ${excess} more steps than can have been received`
      this.#payer.stop(new StreamError('count-mismatch', text, { stated: `${statement.steps}` }))
      return this.#abortAll(this.#payer.error!)
    }
    this.#received.claim(statement.steps)
    this.#check()
    this.#tellReaders()
  }

  /** By how many steps a statement exceeds what came and what both windows allow to be on its way. */
  #excess({ steps }: Statement, nowMs: number): bigint {
    const { price, credit } = this.agreement
    const onTheWay = stepsFor(price, this.#options.ahead + creditAt(credit, this.#payer.paid)) ?? 0n
    return this.#received.excess(steps, onTheWay, nowMs)
  }

  /**
   * Something that the seller delivered lies unread on the way. Then a paused seller is no halt, and what it waits for is not due:
   * reading makes room in the window, and a slow reader must not be taken for a small window.
   */
  get #unread(): boolean {
    const { unit } = this.agreement.price
    const exact = unit === 'byte' || unit === 'token'
    const now = performance.now()
    return exact && !this.#waitsInVain(now) && this.#received.steps(now) < (this.#statement?.steps ?? 0n)
  }

  /** What left for a request that was cut never arrives: the readers have waited longer than anything is on its way. */
  #waitsInVain(now: number): boolean {
    const open = [...this.#received.open]
    const answered = open.some((receipt) => receipt.answered)
    const since = answered ? this.#waitingSince : open.at(-1)?.startedAtMs
    return since !== undefined && now - since > ON_THE_WAY_MS
  }

  /** What the seller waits for, by its latest statement. News from before our last settled payment is too old to pay by. */
  get #missing(): Msat {
    const { due, paid } = this.#statement ?? { due: ZERO, paid: ZERO }
    const stale = due === 0n || paid < this.#payer.paid || this.#received.open.size === 0
    return stale || this.#unread ? ZERO : due
  }

  /** A paused seller that will never be paid: the readers are told why, now and not after a time-out. */
  #tellReaders(last = false): void {
    const { error, inFlight, unknown } = this.#payer
    const untrusted = error?.code === 'invoice-mismatch' || error?.code === 'invoice-invalid'
    const waitedFor = this.#missing > 0n && inFlight <= unknown
    if (error && (untrusted || waitedFor || this.#firstByteMs === undefined)) this.#abortAll(error)
    else if (waitedFor && unknown > 0n && !last) {
      // An outcome that is unknown now may be known in a moment.
      this.#patience ??= setTimeout(() => {
        this.#patience = undefined
        this.#tellReaders(true)
      }, PATIENCE_MS)
    } else if (waitedFor) {
      const blocked = this.#blockedError()
      if (blocked) this.#abortAll(blocked)
    }
  }

  /** Why the next payment cannot be made, if it cannot. */
  #blockedError(): StreamError | undefined {
    const { blocked, unknown } = this.#payer
    if (!blocked || !('wait' in blocked)) return undefined
    if (blocked.wait === 'budget') {
      const { limit } = this.#wallet.budget
      const text = `the budget of ${formatMsat(limit)} does not cover the next payment`
      return new StreamError('budget-exhausted', text, { max: `${limit}` })
    }
    if (blocked.wait !== 'window' || blocked.need === undefined) return undefined
    if (unknown > 0n) {
      const text = `payments of ${formatMsat(unknown)} have no known outcome yet`
      return new StreamError('payment-unknown', text, { unknown: `${unknown}` })
    }
    return this.#windowError(blocked.need)
  }

  #windowError(need: Msat): StreamError {
    const { ahead } = this.#options
    const text = `the next step needs --ahead ${formatMsat(need)}, not ${formatMsat(ahead)}`
    return new StreamError('window-too-small', text, { ahead: `${ahead}`, needed: `${need}` })
  }

  #abortAll(error: StreamError): void {
    for (const abort of this.#aborts.values()) abort.abort(error)
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
      state: this.#closed ? 'closed' : this.#halts.halted ? 'paused' : 'open',
      returned: this.#returned,
    }
  }

  /** Leaves the agreement open at the seller; what is in flight is followed to its end, and nothing more is paid from here. */
  async keep(): Promise<void> {
    this.#abortAll(new StreamError('interrupted', 'the buyer was closed'))
    await this.#payer.settled(SETTLE_MS)
    this.#payer.end()
  }

  /**
   * Ends the agreement: the final statement is checked against the buyer's own count, and the balance comes back.
   * @throws StreamError `seller-unreachable`, `statement-invalid`
   */
  async close(): Promise<Closing> {
    this.#abortAll(new StreamError('interrupted', 'the agreement was closed'))
    await this.#payer.settled(SETTLE_MS)
    this.#payer.end()
    const { agreement } = this.deal
    const statement = await askForClosing(this.endpoint, this.deal, this.#payer.paid)
    this.#closed = true
    const now = performance.now()
    const { paid } = this.#payer
    const excess = this.#excess(statement, now)
    this.#received.conclude(statement.steps)
    const dispute = disputeOf(statement, agreement, { paid, steps: this.#received.steps(now), excess })
    await this.#wallet.journal.closeAgreement(agreement.id, JSON.stringify(encodeStatement(statement)))
    // More than was paid is nobody's to return.
    const amount = min(statement.balance, paid)
    const returned = await takeBack(this.#wallet.node, this.endpoint, this.deal, amount)
    if (returned === 'settled') this.#returned = amount
    return { agreement: agreement.id, statement, returned, amount, ...(dispute && { dispute }) }
  }
}

function interrupted(error: unknown): StreamError {
  if (error instanceof StreamError) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new StreamError('stream-interrupted', `the stream broke off: ${detail}`, {}, error)
}
