import { StreamError } from '../errors/error.ts'
import { type Counter, counterFor } from '../meter/counter.ts'
import { type Msat, msat } from '../money/msat.ts'
import { costDown, costUp, type Price } from '../money/price.ts'

/** One request of a trade, as the buyer counts it. */
export interface Receipt {
  /** When the request was sent, monotonic ms; the buyer's clock for what is sold by the second. */
  readonly startedAtMs: number
  endedAtMs: number | undefined
  /** Steps counted in what was read. */
  steps: bigint
  /** Steps that the whole answer has, where that is known. */
  expected: bigint | undefined
  answered: boolean
  /** Not read to its end: the seller may have sent more than was received. */
  cut: boolean
  bytes: number
}

/** A slice of time that a seller may have reserved beyond what the buyer's clock shows, for each request. */
const CLOCK_TOLERANCE_MS = 250n

/**
 * The buyer's own count. It never takes the seller's word for more than it received: time is bounded by its own clock, and
 * bytes, tokens and requests are counted by the very code that the seller runs. Only a unit of the seller's own is taken on
 * trust (spec section 7).
 */
export class Received {
  readonly #price: Price
  readonly #open = new Set<Receipt>()
  #steps = 0n
  #clockMs = 0
  #requests = 0n
  #cut = false
  #claimed = 0n

  constructor(price: Price) {
    this.#price = price
  }

  get open(): ReadonlySet<Receipt> {
    return this.#open
  }

  /** Something was not read to its end: the seller's count may be higher by what was on its way. */
  get cut(): boolean {
    return this.#cut
  }

  begin(nowMs: number): Receipt {
    const receipt = {
      startedAtMs: nowMs,
      endedAtMs: undefined,
      steps: 0n,
      expected: undefined,
      answered: false,
      cut: false,
      bytes: 0,
    }
    this.#open.add(receipt)
    return receipt
  }

  /** The request is over; `charged` is false for an answer that is no 2xx. */
  end(receipt: Receipt, nowMs: number, charged: boolean): void {
    if (!this.#open.delete(receipt) || !charged) return
    this.#steps += receipt.steps
    this.#clockMs += nowMs - receipt.startedAtMs
    this.#requests++
    this.#cut ||= receipt.cut
  }

  /** What the seller's latest statement says was delivered. */
  claim(steps: bigint): void {
    if (steps > this.#claimed) this.#claimed = steps
  }

  /** What the seller's closing statement says in the end: work that it had reserved and not done is gone from it. */
  conclude(steps: bigint): void {
    this.#claimed = steps
  }

  /** Steps received so far. */
  steps(nowMs: number): bigint {
    const own = this.#own(nowMs)
    if (own === undefined) return this.#claimed
    return this.#price.unit === 'second' && this.#claimed < own ? this.#claimed : own
  }

  cost(nowMs: number): Msat {
    return costDown(this.#price, this.steps(nowMs))
  }

  /** Cost of what can still come on the open requests; `undefined` where one has no known end. */
  demand(opening: Msat): Msat | undefined {
    let total = 0n
    for (const receipt of this.#open) {
      if (!receipt.answered) total += this.#price.unit === 'request' ? costUp(this.#price, 1n) : opening
      else if (receipt.expected === undefined) return undefined
      else total += costUp(this.#price, receipt.expected - receipt.steps)
    }
    return msat(total)
  }

  /** By how many steps the seller's closing count exceeds what can have been delivered; 0n if it does not. */
  excess(claimed: bigint, onTheWay: bigint, nowMs: number): bigint {
    const own = this.#own(nowMs)
    if (own === undefined) return 0n
    const tolerance =
      this.#price.unit === 'second' ? CLOCK_TOLERANCE_MS * (this.#requests + BigInt(this.#open.size)) : 0n
    const most = own + tolerance + (this.#cut || this.#open.size > 0 ? onTheWay : 0n)
    return claimed > most ? claimed - most : 0n
  }

  /** The buyer's own count; `undefined` for a unit of the seller's own. */
  #own(nowMs: number): bigint | undefined {
    const { unit } = this.#price
    if (unit === 'second') {
      let ms = this.#clockMs
      for (const { startedAtMs } of this.#open) ms += Math.max(0, nowMs - startedAtMs)
      return BigInt(Math.ceil(ms))
    }
    if (unit !== 'byte' && unit !== 'token' && unit !== 'request') return undefined
    let steps = this.#steps
    for (const receipt of this.#open) steps += receipt.steps
    return steps
  }
}

/** What an answer will count in all, where its headers tell. */
export function expectedSteps(price: Price, headers: Headers): bigint | undefined {
  if (price.unit === 'request') return 1n
  const length = headers.get('content-length')
  if (price.unit !== 'byte' || length === null || !/^\d{1,15}$/.test(length) || headers.has('content-encoding'))
    return undefined
  return BigInt(length)
}

/** Counts a body as it is read. */
export class BodyCounter {
  readonly #counter: Counter | undefined
  readonly #bytesOnly: boolean
  readonly #receipt: Receipt

  constructor(price: Price, contentType: string | null, receipt: Receipt) {
    this.#bytesOnly = price.unit === 'byte'
    this.#counter = counterFor(price.unit, contentType)
    this.#receipt = receipt
  }

  /** Returns the steps that the chunk added. */
  push(chunk: Uint8Array): bigint {
    this.#receipt.bytes += chunk.byteLength
    const before = this.#receipt.steps
    if (this.#bytesOnly) this.#receipt.steps += BigInt(chunk.byteLength)
    else if (this.#counter) this.#add(this.#counter.push(chunk))
    return this.#receipt.steps - before
  }

  end(): void {
    if (this.#counter) this.#add(this.#counter.end())
  }

  #add(pieces: ReturnType<Counter['push']>): void {
    for (const { steps, owed = 0n } of pieces) {
      if (owed > BigInt(this.#receipt.bytes)) {
        throw new StreamError(
          'count-mismatch',
          `a usage of ${owed} more tokens than events cannot be ${this.#receipt.bytes} bytes of text`,
        )
      }
      this.#receipt.steps += steps + owed
    }
  }
}
