import { StreamError } from '../errors/error.ts'
import { WorkClock } from '../meter/clock.ts'
import { type Counter, counterFor, type Piece } from '../meter/counter.ts'
import type { Account } from './account.ts'

/** What a handler that is sold sees of its meter. */
export interface Meter {
  /** The agreement's id; may be logged. */
  readonly agreement: string
  /** Aborts when the buyer leaves, or has paid nothing for longer than the grace period: stop working. */
  readonly signal: AbortSignal
  /**
   * Counts `steps` of a unit of the seller's own, before they leave. Resolves when they are covered; rejects when the
   * grace period ends first.
   * @example for (const image of images) { await meter.add(1); controller.enqueue(image) }
   */
  add(steps: number | bigint): Promise<void>
}

/** Work is paid for in slices of this many milliseconds, reserved before it is done. */
const SLICE_MS = 100n
const ONE = 1n
/** How long the last event of a stream is held for what its final count adds. */
const OWED_MS = 2000

/**
 * One request on an agreement: everything it counts goes through here, so that it can be taken back whole if the answer
 * is not a success.
 */
export class Delivery implements Meter {
  readonly #account: Account
  readonly #graceMs: number
  #controller: AbortController | undefined
  readonly #clock: WorkClock | undefined
  readonly #ended: () => void
  readonly #request: Request
  #followed = false
  /** Steps reserved by this request. */
  #counted = 0n

  /** @param onEnd told once the request is over, whether it was charged or not */
  constructor(account: Account, graceMs: number, request: Request, onEnd: () => void = () => {}) {
    this.#account = account
    this.#graceMs = graceMs
    this.#request = request
    this.#clock = account.agreement.price.unit === 'second' ? new WorkClock() : undefined
    const unregister = account.deliver(this)
    let over = false
    this.#ended = () => {
      if (over) return
      over = true
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

  async add(steps: number | bigint): Promise<void> {
    const count = BigInt(steps)
    if (count < 0n) throw new StreamError('option-invalid', 'a meter only counts forward')
    if (count > 0n) await this.#reserve(count, count)
  }

  /**
   * Waits until the first step is covered, so that no work is done for a buyer that has not paid.
   * A request priced as such is counted here, whole.
   */
  async begin(graceMs: number): Promise<void> {
    this.#follow()
    const first = this.#clock ? SLICE_MS : ONE
    await this.#reserve(first, ONE, graceMs)
    // Bytes, tokens and a seller's own units are counted as they leave: this one only showed that the gate opens.
    if (!this.#clock && this.#account.agreement.price.unit !== 'request') this.#release(ONE)
  }

  /** As `begin`, where nothing has to be waited for; `false` if it has to. */
  tryBegin(): boolean {
    if (this.#account.agreement.price.unit !== 'request' || this.#account.tryAcquire(ONE, ONE) === 0n) return false
    this.#counted += ONE
    return true
  }

  /** Runs a piece of the seller's work on the clock, if time is what is sold: the clock stops while the gate is shut. */
  work<T>(task: Promise<T>): Promise<T> {
    return this.#clock ? this.#timed(task, this.#clock) : task
  }

  async #timed<T>(task: Promise<T>, clock: WorkClock): Promise<T> {
    let done = false
    const settled = task.then(
      () => {
        done = true
      },
      () => {
        done = true
      },
    )
    try {
      while (!done) {
        const left = this.#counted - clock.workedMs
        if (left <= 0n) {
          clock.stop()
          await this.#reserve(SLICE_MS, ONE)
          continue
        }
        clock.start()
        await within(settled, Number(left), this.#work.signal)
      }
    } finally {
      clock.stop()
    }
    const over = clock.workedMs - this.#counted
    if (over > 0n) await this.#reserve(over, over)
    return task
  }

  /** The answer with its body behind the gate; whatever was counted is taken back if it is not a 2xx. */
  sell(response: Response): Response {
    if (response.status < 200 || response.status > 299) {
      this.void()
      return response
    }
    const unit = this.#account.agreement.price.unit
    // The unit first: asking a whole answer for its body would make a stream of it.
    if (unit === 'request' || !response.body) {
      this.end()
      return response
    }
    const counter = counterFor(unit, response.headers.get('content-type'))
    return new Response(this.#gated(response.body.getReader(), counter), {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    })
  }

  /** Ends the request; work that was reserved and not done is given back. */
  end(): void {
    const unused = this.#clock ? this.#counted - this.#clock.workedMs : 0n
    this.#release(unused)
    this.#ended()
    this.#account.changed()
  }

  /** Ends the request and charges nothing for it. */
  void(): void {
    this.#release(this.#counted)
    this.#ended()
  }

  abort(reason: unknown): void {
    this.#work.abort(reason)
  }

  #gated(source: ReadableStreamDefaultReader<Uint8Array>, counter: Counter | undefined): ReadableStream<Uint8Array> {
    const pending: Piece[] = []
    let done = false
    const finish = () => this.end()
    const fail = (error: unknown) => {
      finish()
      this.#work.abort(error)
      source.cancel(error).catch(() => {})
    }
    this.#work.signal.addEventListener('abort', () => void source.cancel(this.#work.signal.reason).catch(() => {}))
    const next = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      // Invariant: the source is read only when everything before was covered and taken, so a shut gate pauses it.
      while (pending.length === 0 && !done) {
        const read = await this.work(source.read())
        if (read.done) {
          done = true
          pending.push(...(counter?.end() ?? []))
        } else if (counter) pending.push(...counter.push(read.value))
        else return controller.enqueue(read.value)
      }
      const piece = pending.shift()
      if (!piece) {
        finish()
        return controller.close()
      }
      const rest = await this.#cover(piece)
      if (rest) pending.unshift(rest)
      controller.enqueue(rest ? piece.bytes.subarray(0, piece.bytes.length - rest.bytes.length) : piece.bytes)
    }
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          try {
            await next(controller)
          } catch (error) {
            fail(error)
            throw error
          }
        },
        cancel: (reason) => {
          finish()
          this.#work.abort(reason)
          return source.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** Reserves what a piece counts before it leaves; returns the part of it that is not covered yet. */
  async #cover(piece: Piece): Promise<Piece | undefined> {
    if (piece.steps > 0n) {
      const granted = await this.#reserve(piece.steps, piece.divisible ? ONE : piece.steps)
      if (granted < piece.steps) {
        const bytes = piece.bytes.subarray(Number(granted))
        return { bytes, steps: piece.steps - granted, divisible: true }
      }
    } else if (piece.steps < 0n) this.#release(-piece.steps)
    if (piece.owed) await this.#collect(piece.owed)
    return undefined
  }

  /** A final count above ours is for what has left already: it is waited for briefly, and written off if it is not covered then. */
  async #collect(owed: bigint): Promise<void> {
    const untilMs = performance.now() + OWED_MS
    for (let left = owed; left > 0n; ) {
      const waitMs = untilMs - performance.now()
      const granted = await this.#reserve(left, ONE, Math.max(0, waitMs)).catch((error: unknown) => {
        if (error instanceof StreamError && error.code === 'grace-exceeded') return 0n
        throw error
      })
      if (granted === 0n) return
      left -= granted
    }
  }

  async #reserve(steps: bigint, least: bigint, graceMs = this.#graceMs): Promise<bigint> {
    const granted =
      this.#account.tryAcquire(steps, least) || (await this.#account.acquire(steps, least, graceMs, this.#work.signal))
    this.#counted += granted
    return granted
  }

  #release(steps: bigint): void {
    const back = steps < this.#counted ? steps : this.#counted
    this.#counted -= back
    this.#account.release(back)
  }
}

/** Resolves when `task` has settled or `ms` have passed; rejects when the signal aborts. Leaves no timer behind. */
function within(task: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      settle()
    }
    const abort = () => end(() => reject(signal.reason))
    const timer = setTimeout(() => end(resolve), ms)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    void task.then(() => end(resolve))
  })
}
