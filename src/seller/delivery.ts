import { StreamError } from '../errors/error.ts'
import { answerCounter, type Counted, countsUpload, outputUnit } from '../meter/answer.ts'
import type { Counter } from '../meter/counter.ts'
import type { Msat } from '../money/msat.ts'
import type { Price } from '../money/price.ts'
import type { Tariff } from '../money/tariff.ts'
import type { Account } from './account.ts'
import { BODY_END, type BodyRead, type BodyReader, readResponse, takeReader } from './adapters/response.ts'
import { type Charging, PlainCharging } from './charging.ts'
import { GatedBody } from './gatedBody.ts'
import { Hold } from './hold.ts'
import type { Meter } from './meter.ts'
import { TariffCharging } from './tariffCharging.ts'
import { TimedWork } from './timedWork.ts'
import { withCountedBody } from './upload.ts'

export type { Meter } from './meter.ts'

/**
 * One request on an agreement: everything it counts goes through here, so that it can be taken back whole if the answer
 * is not a success.
 */
export class Delivery implements Meter {
  readonly #account: Account
  readonly #hold: Hold
  readonly #charging: Charging
  #controller: AbortController | undefined
  readonly #timed: TimedWork | undefined
  readonly #ended: () => void
  #request: Request
  #followed = false
  #uploads = false

  /** @param onEnd told once the request is over, whether it was charged or not */
  constructor(account: Account, graceMs: number, request: Request, onEnd: () => void = () => {}) {
    const { agreement } = account
    const unit = outputUnit(agreement)
    this.#account = account
    this.#request = request
    this.#hold = new Hold(account, graceMs, this)
    this.#charging = agreement.tariff
      ? new TariffCharging(this.#hold, agreement.tariff)
      : new PlainCharging(this.#hold, unit === 'request')
    this.#timed = unit === 'second' ? new TimedWork(this.#charging, this) : undefined
    const unregister = account.deliver(this)
    let over = false
    this.#ended = () => {
      if (over) return
      over = true
      this.#hold.end()
      unregister()
      onEnd()
    }
  }

  get agreement(): string {
    return this.#account.agreement.id
  }

  get signal(): AbortSignal {
    this.#follow()
    return this.#work.signal
  }

  /** Made when somebody first listens: most requests are over before that. */
  get #work(): AbortController {
    this.#controller ??= new AbortController()
    return this.#controller
  }

  /** Ends the work when the buyer leaves. Only once somebody asks: most requests are over before a signal would be made. */
  #follow(): void {
    if (this.#followed) return
    this.#followed = true
    const { signal } = this.#request
    const left = () => this.abort(signal.reason)
    if (signal.aborted) left()
    else signal.addEventListener('abort', left, { once: true })
  }

  /** The request, for whoever answers it: where its body is sold too, it is counted as it is read. */
  get request(): Request {
    const { tariff } = this
    if (tariff && countsUpload(tariff) && !this.#uploads) {
      this.#uploads = true
      this.#request = withCountedBody(this.#request, (bytes) => this.#charging.upload(bytes))
    }
    return this.#request
  }

  /** Steps of the agreement that this request has reserved: what it costs, once it is over. */
  get steps(): bigint {
    return this.#hold.steps
  }

  get price(): Price {
    return this.#account.agreement.price
  }

  get tariff(): Tariff | undefined {
    return this.#account.agreement.tariff
  }

  charge(amount: Msat): Promise<void> {
    return this.#charging.charge(amount)
  }

  owe(amount: Msat): Promise<void> {
    return this.#charging.owe(amount)
  }

  async add(steps: number | bigint): Promise<void> {
    const count = BigInt(steps)
    if (count < 0n) throw new StreamError('option-invalid', 'a meter only counts forward')
    const { tariff } = this
    if (tariff && !tariff.output) throw new StreamError('option-invalid', 'this tariff counts nothing of an answer')
    if (count > 0n) await this.#charging.output(count, count)
  }

  /** Counts bytes that came from the buyer in some other way than as the request's body, before anything is done with them. */
  async upload(bytes: number | bigint): Promise<void> {
    for (let left = BigInt(bytes); left > 0n; ) left -= await this.#charging.upload(left)
  }

  /**
   * Waits until the first step is covered, so that no work is done for a buyer that has not paid.
   * What is owed for any answer, as for a request priced as such, is counted here, whole.
   * @param graceMs how long to wait for money; the delivery's own grace period by default
   * @throws StreamError `grace-exceeded`
   */
  async begin(graceMs?: number): Promise<void> {
    this.#follow()
    const { opening } = this.#charging
    if (opening > 0n) await this.#hold.reserve(opening, opening, graceMs)
    if (this.#timed) await this.#timed.begin(graceMs)
    // Bytes, tokens and a seller's own units are counted as they leave.
    else if (opening === 0n) await this.#hold.opens(graceMs)
  }

  /** As `begin`, where nothing has to be waited for; `false` if it has to. */
  tryBegin(): boolean {
    const { opening } = this.#charging
    return opening > 0n && !this.#timed && this.#hold.tryReserve(opening, opening) > 0n
  }

  /** Runs a piece of the seller's work on the clock, if time is what is sold: the clock stops while the gate is shut. */
  work<T>(task: Promise<T>): Promise<T> {
    return this.#timed ? this.#timed.run(task) : task
  }

  /** The answer with its body behind the gate; whatever was counted is taken back if it is no success. */
  sell(response: Response): Response {
    if (!response.ok) {
      this.void()
      return response
    }
    const { agreement } = this.#account
    // The price first: asking a whole answer for its body would make a stream of it.
    const source = isFlat(agreement) ? null : takeReader(response)
    if (!source) {
      this.end()
      return response
    }
    const counter = answerCounter(agreement, response.headers)
    const headers = new Headers(response.headers)
    // A proxy that collects the answer would let neither the data nor, then, the payments flow.
    headers.set('x-accel-buffering', 'no')
    const { status, statusText } = response
    return readResponse(this.#gated(source, counter), { status, statusText, headers })
  }

  /** Ends the request; work that was reserved and not done is given back. */
  end(): void {
    this.#timed?.end()
    this.#ended()
    this.#account.changed()
  }

  /** Ends the request and charges nothing for it. */
  void(): void {
    this.#hold.release(this.#hold.steps)
    this.#ended()
  }

  abort(reason: unknown): void {
    this.#work.abort(reason)
  }

  #gated(source: BodyReader, counter: Counter | undefined): BodyReader {
    const { signal } = this.#work
    const body = counter && new GatedBody(counter, this.#charging, this.#hold)
    signal.addEventListener('abort', () => void source.cancel(signal.reason).catch(() => {}))
    let done = false
    const next = async (): Promise<BodyRead> => {
      // Invariant: the source is read only when everything before was covered and taken, so a shut gate pauses it.
      while (!done && (!body || body.isEmpty)) {
        const read = await this.work(source.read())
        done = read.done
        if (!body && !read.done) return read
        if (read.done) body?.end()
        else body?.push(read.value)
      }
      if (body && !body.isEmpty) return { done: false, value: await body.take() }
      this.end()
      return BODY_END
    }
    return {
      read: async () => {
        try {
          return await next()
        } catch (error) {
          this.end()
          this.#work.abort(error)
          source.cancel(error).catch(() => {})
          throw error
        }
      },
      cancel: (reason) => {
        this.end()
        this.#work.abort(reason)
        return source.cancel(reason)
      },
    }
  }
}

/** Whether nothing of what comes with the answer changes what it costs. */
function isFlat({ price, tariff }: Counted): boolean {
  if (!tariff) return price.unit === 'request'
  return !tariff.upload && !tariff.input && !tariff.output && tariff.extra === undefined
}
