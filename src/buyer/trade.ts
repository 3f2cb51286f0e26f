import { StreamError, toStreamError } from '../errors/error.ts'
import { formatMsat, type Msat, max, min, minus, msat } from '../money/msat.ts'
import { costUp, stepsFor } from '../money/price.ts'
import { creditAt } from '../terms/credit.ts'
import type { Agreement, Terms } from '../terms/terms.ts'
import { paymentLadder } from '../window/window.ts'
import { formatCredential } from '../wire/credential.ts'
import { checkStatement, decodeStatement, type Statement, verifyStatement } from '../wire/statement.ts'
import { control, type Endpoint, readJson, send, unreachable } from './control.ts'
import type { Deal } from './negotiate.ts'
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
  readonly maxAhead: Msat
  readonly ahead: Msat
  /** The most that was received and not settled, seen from here. */
  readonly maxUnpaid: Msat
  readonly credit: Msat
  readonly firstByteMs: number | undefined
  readonly stallMs: number
  readonly durationMs: number
  readonly halted: number
  readonly state: 'open' | 'paused' | 'closed'
  readonly returned: Msat
}

/** How a trade ended. */
export interface Closing {
  readonly statement: Statement
  readonly returned: 'settled' | 'pending' | 'failed' | 'kept' | 'nothing'
  readonly amount: Msat
  /** Set if the seller's statement contradicts the buyer's own count or the agreement. */
  readonly dispute?: StreamError
}

/** The control channel is opened after this long without an answer: something may be due that only it tells. */
const WATCH_AFTER_MS = 120
/** A return smaller than this stays with the seller: it would cost more than it brings. */
const SMALLEST_RETURN = msat(1000n)
const SETTLE_MS = 15_000

/** One agreement in use: its requests, what they received, and the payer that pays for it. */
export class Trade {
  readonly deal: Deal
  readonly endpoint: Endpoint
  readonly #wallet: Wallet
  readonly #options: TradeOptions
  readonly #payer: Payer
  readonly #received: Received
  readonly #opening: Msat
  readonly #aborts = new Map<Receipt, AbortController>()
  readonly credential: string
  #statement: Statement | undefined
  #due: Msat = msat(0n)
  #watching: AbortController | undefined
  #watchTimer: ReturnType<typeof setTimeout> | undefined
  #stallTimer: ReturnType<typeof setTimeout> | undefined
  #startedAt: number
  #lastAt: number
  #firstByteMs: number | undefined
  #pausedAt: number | undefined
  #stallMs = 0
  #halted = 0
  #maxUnpaid = 0n
  #bytes = 0
  #closed = false
  #returned: Msat = msat(0n)

  constructor(deal: Deal, endpoint: Endpoint, wallet: Wallet, options: TradeOptions, startedAt: number) {
    const { agreement, secret, challenge } = deal
    this.deal = deal
    this.endpoint = endpoint
    this.#wallet = wallet
    this.#options = options
    this.#startedAt = startedAt
    this.#lastAt = startedAt
    this.#received = new Received(agreement.price)
    this.#opening = openingAmount(agreement, options.ahead)
    this.credential = formatCredential({ challenge, payload: { action: 'use', agreement: agreement.id, secret } })
    this.#payer = new Payer(wallet, agreement, {
      ahead: options.ahead,
      origin: new URL(endpoint.url).origin,
      ask: (amounts) => control(endpoint, challenge, { action: 'invoices', agreement: agreement.id, secret, amounts }),
      consumption: () => {
        const received = this.#received.cost(performance.now())
        const demand = this.#received.demand(this.#opening)
        return { received, demand: demand === undefined ? undefined : msat(demand), due: this.#missing() }
      },
      onChange: () => this.#changed(),
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
    const abort = new AbortController()
    const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal
    const receipt = this.#received.begin(performance.now())
    this.#aborts.set(receipt, abort)
    this.#payer.join()
    this.#payer.kick()
    if (this.#countsOnStatements) this.#watch()
    else this.#watchTimer ??= setTimeout(() => this.#watch(), WATCH_AFTER_MS)
    const headers = new Headers(init.headers)
    headers.set('authorization', this.credential)
    // A decoded body could not be counted: what is sold is the bytes as the seller sends them.
    headers.set('accept-encoding', 'identity')
    try {
      const response = await this.endpoint.fetch(url, { ...init, headers, signal })
      return this.#answered(response, receipt)
    } catch (error) {
      this.#end(receipt, false)
      if (abort.signal.aborted) throw abort.signal.reason
      if (init.signal?.aborted) throw init.signal.reason
      throw unreachable(url, error)
    }
  }

  #answered(response: Response, receipt: Receipt): Response {
    receipt.answered = true
    if (!response.ok) {
      this.#end(receipt, false)
      return response
    }
    const { price } = this.agreement
    receipt.expected = expectedSteps(price, response.headers)
    if (price.unit === 'request') receipt.steps = 1n
    this.#firstByteMs ??= performance.now() - this.#startedAt
    if (!response.body || price.unit === 'request') {
      this.#end(receipt, true)
      return response
    }
    this.#watch()
    this.#payer.kick()
    const counter = new BodyCounter(price, response.headers.get('content-type'), receipt)
    return withUrl(new Response(this.#counted(response.body.getReader(), counter, receipt), response), response.url)
  }

  /** The body, counted as the reader takes it: what lies unread in buffers is not received, and not paid for. */
  #counted(
    source: ReadableStreamDefaultReader<Uint8Array>,
    counter: BodyCounter,
    receipt: Receipt,
  ): ReadableStream<Uint8Array> {
    const abort = this.#aborts.get(receipt)!
    abort.signal.addEventListener('abort', () => void source.cancel(abort.signal.reason).catch(() => {}))
    const fail = (error: unknown): never => {
      receipt.cut = true
      this.#end(receipt, true)
      const reason = abort.signal.aborted ? abort.signal.reason : error
      source.cancel(reason).catch(() => {})
      throw reason instanceof StreamError ? this.#withCounts(reason) : this.#withCounts(interrupted(reason))
    }
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          this.#expectData(receipt)
          try {
            const { done, value } = await source.read()
            abort.signal.throwIfAborted()
            if (done) {
              counter.end()
              this.#end(receipt, true)
              controller.close()
              return
            }
            this.#count(counter, value)
            controller.enqueue(value)
          } catch (error) {
            fail(error)
          }
        },
        cancel: (reason) => {
          receipt.cut = true
          this.#end(receipt, true)
          return source.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  #count(counter: BodyCounter, chunk: Uint8Array): void {
    clearTimeout(this.#stallTimer)
    this.#stallTimer = undefined
    counter.push(chunk)
    this.#bytes += chunk.byteLength
    this.#lastAt = performance.now()
    this.#noteUnpaid()
    this.#noteHalt()
    this.#payer.kick()
  }

  #noteUnpaid(): void {
    const unpaid = this.#received.cost(this.#lastAt) - this.#payer.paid
    if (unpaid > this.#maxUnpaid) this.#maxUnpaid = unpaid
  }

  #end(receipt: Receipt, charged: boolean): void {
    this.#lastAt = performance.now()
    this.#received.end(receipt, this.#lastAt, charged)
    this.#aborts.delete(receipt)
    this.#noteUnpaid()
    if (this.#received.open.size > 0) return
    clearTimeout(this.#stallTimer)
    clearTimeout(this.#watchTimer)
    this.#stallTimer = undefined
    this.#watchTimer = undefined
    this.#watching?.abort()
    this.#watching = undefined
    this.#due = msat(0n)
    this.#resumed()
    this.#payer.rest()
  }

  /** The buyer waits for data: if it has paid and none comes, the reader must learn of it. */
  #expectData(receipt: Receipt): void {
    this.#stallTimer ??= setTimeout(() => {
      this.#stallTimer = undefined
      const { error, blocked } = this.#payer
      const abort = this.#aborts.get(receipt)
      if (error) abort?.abort(error)
      else if (blocked && 'wait' in blocked && blocked.wait === 'budget') abort?.abort(this.#budgetError())
      else abort?.abort(new StreamError('stream-stalled', `nothing came for ${this.#options.stallMs} ms`))
    }, this.#options.stallMs)
  }

  get #countsOnStatements(): boolean {
    return !['byte', 'token', 'request'].includes(this.agreement.price.unit)
  }

  #watch(): void {
    if (this.#watching || this.#closed || this.#received.open.size === 0) return
    this.#watching = new AbortController()
    const { challenge, agreement, secret } = this.deal
    const payload = { action: 'watch' as const, agreement: agreement.id, secret }
    void follow(
      (signal) => send(this.endpoint, challenge, payload, signal),
      (statement) => this.#heard(statement),
      this.#watching.signal,
    )
  }

  #heard(statement: Statement): void {
    if (statement.agreement !== this.agreement.id) return
    this.#statement = statement
    this.#received.claim(statement.steps)
    // Older news than our own payments: what was due then may be paid by now.
    this.#due = statement.paid >= this.#payer.paid ? statement.due : msat(0n)
    this.#noteHalt()
    this.#lastAt = performance.now()
    this.#noteUnpaid()
    this.#payer.kick()
    this.#changed()
  }

  /**
   * Something that the seller delivered lies unread on the way. Then a paused seller is no halt, and what it waits for is not due:
   * reading makes room in the window, and a slow reader must not be taken for a small window.
   */
  get #unread(): boolean {
    const { unit } = this.agreement.price
    const exact = unit === 'byte' || unit === 'token'
    return exact && this.#received.steps(performance.now()) < (this.#statement?.steps ?? 0n)
  }

  #missing(): Msat {
    return this.#unread ? msat(0n) : this.#due
  }

  /** A halt is a reader that waits while the seller waits for money. */
  #noteHalt(): void {
    if (this.#statement?.state !== 'paused' || this.#unread || this.#firstByteMs === undefined) return this.#resumed()
    if (this.#pausedAt === undefined) this.#halted++
    this.#pausedAt ??= performance.now()
  }

  #resumed(): void {
    if (this.#pausedAt !== undefined) this.#stallMs += performance.now() - this.#pausedAt
    this.#pausedAt = undefined
  }

  /** A paused seller that will never be paid: the readers are told why, now and not after a time-out. */
  #changed(): void {
    const { error, blocked, inFlight, unknown } = this.#payer
    if (error?.code === 'invoice-mismatch' || error?.code === 'invoice-invalid') return this.#abortAll(error)
    if (this.#missing() === 0n || inFlight > unknown) {
      if (error && this.#firstByteMs === undefined) this.#abortAll(error)
      return
    }
    if (error) this.#abortAll(error)
    else if (blocked && 'wait' in blocked && blocked.wait === 'budget') this.#abortAll(this.#budgetError())
    else if (blocked && 'wait' in blocked && blocked.wait === 'window' && blocked.need) {
      this.#abortAll(unknown > 0n ? unknownError(unknown) : this.#windowError(blocked.need))
    }
  }

  #abortAll(error: StreamError): void {
    for (const abort of this.#aborts.values()) abort.abort(error)
  }

  #budgetError(): StreamError {
    const { limit } = this.#wallet.budget
    return new StreamError('budget-exhausted', `the budget of ${formatMsat(limit)} does not cover the next payment`, {
      max: `${limit}`,
    })
  }

  #windowError(need: Msat): StreamError {
    const { ahead } = this.#options
    return new StreamError(
      'window-too-small',
      `the next step needs --ahead ${formatMsat(need)}, not ${formatMsat(ahead)}`,
      {
        ahead: `${ahead}`,
        needed: `${need}`,
      },
    )
  }

  #withCounts(error: StreamError): StreamError {
    const { received, paid, steps } = this.summary()
    const counts = {
      received: `${received}`,
      paid: `${paid}`,
      left: `${minus(paid, received)}`,
      steps: `${steps}`,
      agreement: this.agreement.id,
    }
    return new StreamError(error.code, error.message, { ...counts, ...error.details }, error.cause ?? error)
  }

  summary(): TradeSummary {
    const { agreement } = this
    const { price } = agreement
    const pausedMs = this.#pausedAt === undefined ? 0 : performance.now() - this.#pausedAt
    return {
      agreement: agreement.id,
      url: this.endpoint.url,
      unit: price.unit,
      price,
      steps: this.#received.steps(this.#lastAt),
      bytes: this.#bytes,
      received: this.#received.cost(this.#lastAt),
      paid: this.#payer.paid,
      inFlight: this.#payer.inFlight,
      fees: this.#payer.fees,
      payments: this.#payer.payments,
      maxAhead: this.#payer.maxAhead,
      ahead: this.#options.ahead,
      maxUnpaid: msat(this.#maxUnpaid),
      credit: creditAt(agreement.credit, this.#payer.paid),
      firstByteMs: this.#firstByteMs,
      stallMs: this.#stallMs + pausedMs,
      durationMs: this.#lastAt - this.#startedAt,
      halted: this.#halted,
      state: this.#closed ? 'closed' : this.#pausedAt === undefined ? 'open' : 'paused',
      returned: this.#returned,
    }
  }

  /**
   * Ends the agreement: the final statement is checked against the buyer's own count, and the balance comes back.
   * @throws StreamError `seller-unreachable`, `statement-invalid`
   */
  async close(): Promise<Closing> {
    this.#abortAll(new StreamError('interrupted', 'the agreement was closed'))
    await this.#payer.settled(SETTLE_MS)
    this.#payer.end()
    const { agreement, secret, challenge } = this.deal
    const proof = { agreement: agreement.id, secret }
    const statement = decodeStatement(await control(this.endpoint, challenge, { action: 'close', ...proof }))
    this.#closed = true
    const dispute = this.#dispute(statement)
    await this.#wallet.journal.closeAgreement(
      agreement.id,
      JSON.stringify(statement, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
    )
    const amount = min(statement.balance, this.#payer.paid)
    const returned = amount >= SMALLEST_RETURN ? await this.#takeBack(amount) : amount > 0n ? 'kept' : 'nothing'
    if (returned === 'settled') this.#returned = amount
    this.#received.claim(statement.steps)
    return { statement, returned, amount, ...(dispute && { dispute }) }
  }

  #dispute(statement: Statement): StreamError | undefined {
    const { agreement } = this
    const now = performance.now()
    try {
      checkStatement(statement, agreement)
      verifyStatement(statement, agreement.payee)
    } catch (error) {
      return toStreamError(error)
    }
    if (statement.paid < this.#payer.paid) {
      return new StreamError('statement-invalid', "the seller's statement leaves out payments that settled", {
        paid: `${this.#payer.paid}`,
        stated: `${statement.paid}`,
      })
    }
    const onTheWay = stepsFor(agreement.price, this.#options.ahead + creditAt(agreement.credit, this.#payer.paid)) ?? 0n
    const excess = this.#received.excess(statement.steps, onTheWay, now)
    if (excess === 0n) return undefined
    return new StreamError('count-mismatch', `the seller counts ${excess} more steps than were received`, {
      stated: `${statement.steps}`,
      received: `${this.#received.steps(now)}`,
    })
  }

  async #takeBack(amount: Msat): Promise<'settled' | 'pending' | 'failed'> {
    const { agreement, secret, challenge } = this.deal
    try {
      const [invoice] = await this.#wallet.node.createInvoices([
        { amount, description: `return ${agreement.id}`, expiresInSeconds: 3600 },
      ])
      const payload = { action: 'return' as const, agreement: agreement.id, secret, invoice: invoice!.request }
      const answer = await readJson(await send({ ...this.endpoint, timeoutMs: 60_000 }, challenge, payload))
      const status = (answer as { status?: unknown } | undefined)?.status
      return status === 'settled' || status === 'pending' ? status : 'failed'
    } catch {
      return 'failed'
    }
  }
}

/** What is paid before anything came: a quarter of the window, and enough for one step. */
function openingAmount({ price, credit, smallestPayment }: Terms, ahead: Msat): Msat {
  const ladder = paymentLadder(ahead, smallestPayment)
  const part = ladder[1] ?? ladder[0]!
  return max(part, minus(costUp(price, 1n), credit.start))
}

/** The amounts to ask the first invoices for, so that the first payment needs no further round trip. */
export function firstInvoices(
  { price, credit, smallestPayment }: Agreement | Parameters<typeof openingAmount>[0],
  ahead: Msat,
): Msat[] {
  const opening = openingAmount({ price, credit, smallestPayment }, ahead)
  const first = price.unit === 'request' ? max(costUp(price, 1n), smallestPayment) : opening
  return first > 0n ? [max(first, smallestPayment)] : []
}

const unknownError = (unknown: Msat): StreamError =>
  new StreamError('payment-unknown', `payments of ${formatMsat(unknown)} have no known outcome yet`, {
    unknown: `${unknown}`,
  })

function interrupted(error: unknown): StreamError {
  const detail = error instanceof Error ? error.message : String(error)
  return new StreamError('stream-interrupted', `the stream broke off: ${detail}`, {}, error)
}

function withUrl(response: Response, url: string): Response {
  Object.defineProperty(response, 'url', { value: url })
  return response
}
