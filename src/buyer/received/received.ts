import { StreamError } from '../../errors/error.ts'
import { answerCounter, COUNTED, type Counted, outputUnit } from '../../meter/answer.ts'
import type { Counter } from '../../meter/counter.ts'
import { playSteps, readPlay } from '../../meter/play.ts'
import { tokensOfBytes } from '../../meter/tokens.ts'
import { type Msat, minus, msat } from '../../money/msat.ts'
import { costDown, costUp, type Price, stepsFor } from '../../money/price.ts'
import { type Tariff, tariffCost } from '../../money/tariff.ts'
import type { Receipt } from './receipt.ts'
import { TariffTally } from './tariffTally.ts'

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
  readonly #tally: TariffTally | undefined

  /** @param earlier steps that an earlier run received: what it was killed over may have been more, also where it noted none */
  constructor({ price, tariff }: Counted, earlier?: bigint) {
    const before = earlier ?? 0n
    this.#price = price
    this.#tally = tariff && new TariffTally(tariff, this.#open, before)
    this.#claimed = before
    this.#cut = earlier !== undefined
    if (price.unit === 'second') this.#clockMs = Number(before)
    else this.#steps = before
  }

  get open(): ReadonlySet<Receipt> {
    return this.#open
  }

  /** Something was not read to its end: the seller's count may be higher by what was on its way. */
  get cut(): boolean {
    return this.#cut
  }

  /** @param sent bytes of the request's body */
  begin(nowMs: number, sent = 0n): Receipt {
    const receipt: Receipt = {
      startedAtMs: nowMs,
      endedAtMs: undefined,
      costBefore: this.cost(nowMs),
      sent,
      steps: 0n,
      prompt: undefined,
      expected: undefined,
      answered: false,
      cut: false,
      bytes: 0,
    }
    this.#open.add(receipt)
    return receipt
  }

  /** The request is over; `charged` is false for an answer that is no 2xx, or none. */
  end(receipt: Receipt, nowMs: number, charged: boolean): void {
    if (!this.#open.delete(receipt)) return
    // Also where no answer came at all: what the seller sent of one is charged, and was lost on the way.
    this.#cut ||= receipt.cut
    if (!charged) return
    receipt.endedAtMs = nowMs
    this.#tally?.end(receipt, nowMs)
    this.#steps += receipt.steps
    this.#clockMs += nowMs - receipt.startedAtMs
    this.#requests++
  }

  /** What the seller's latest statement says was delivered. */
  claim(steps: bigint): void {
    // Under a tariff a claim may fall: the minimum of an answer that failed, a prompt shorter than it was taken for.
    if (this.#tally || steps > this.#claimed) this.#claimed = steps
  }

  /** What the seller's closing statement says in the end: work that it had reserved and not done is gone from it. */
  conclude(steps: bigint): void {
    this.#claimed = steps
  }

  /** Steps received so far. */
  steps(nowMs: number): bigint {
    if (this.#tally) return this.#tally.steps(this.#claimed, nowMs)
    const own = this.#own(nowMs)
    if (own === undefined) return this.#claimed
    return this.#price.unit === 'second' && this.#claimed < own ? this.#claimed : own
  }

  cost(nowMs: number): Msat {
    return costDown(this.#price, this.steps(nowMs))
  }

  /** What a limit on each request leaves for those that are open, in msat. */
  requestsLeft(limit: Msat, nowMs: number): bigint {
    let left = 0n
    for (const receipt of this.#open) left += minus(limit, this.costOf(receipt, nowMs))
    return left
  }

  /** Cost of one request so far. Where requests are not counted one by one it is that of all that came since it began. */
  costOf(receipt: Receipt, nowMs: number): Msat {
    if (this.#tally) return costDown(this.#price, this.#tally.costOf(receipt, this.#claimed, nowMs))
    const { unit } = this.#price
    const own = COUNTED.has(unit) || unit === 'request'
    return own ? costDown(this.#price, receipt.steps) : minus(this.cost(nowMs), receipt.costBefore)
  }

  /** Cost of what can still come on the open requests; `undefined` where one has no known end. */
  demand(opening: Msat): Msat | undefined {
    let total = 0n
    for (const receipt of this.#open) {
      if (this.#tally) {
        const steps = this.#tally.demandOf(receipt, stepsFor(this.#price, opening) ?? 0n)
        if (steps === undefined) return undefined
        total += costUp(this.#price, steps)
      } else if (!receipt.answered) total += this.#price.unit === 'request' ? costUp(this.#price, 1n) : opening
      else if (receipt.expected === undefined) return undefined
      else total += costUp(this.#price, receipt.expected - receipt.steps)
    }
    return msat(total)
  }

  /** By how many steps the seller's closing count exceeds what can have been delivered; 0n if it does not. */
  excess(claimed: bigint, onTheWay: bigint, nowMs: number): bigint {
    const own = this.#tally ? this.#tally.most(CLOCK_TOLERANCE_MS, nowMs) : this.#own(nowMs)
    if (own === undefined) return 0n
    const tolerance =
      this.#price.unit === 'second' ? CLOCK_TOLERANCE_MS * (this.#requests + BigInt(this.#open.size)) : 0n
    const most = own + tolerance + (this.#cut || this.#open.size > 0 ? onTheWay : 0n)
    return claimed > most ? claimed - most : 0n
  }

  /** Of what the answers themselves showed, without what only the seller states. */
  shown(nowMs: number): bigint {
    return this.#tally ? this.#tally.shown : this.steps(nowMs)
  }

  /** How many of the steps of a charge are believed that a number of the seller's tells. @param covered in steps of the agreement */
  within(charge: 'input' | 'output', told: bigint, receipt: Receipt, covered: bigint | undefined): bigint {
    if (covered === undefined) return told
    const most = this.#tally ? this.#tally.within(charge, receipt, covered) : receipt.steps + covered
    return most === undefined || told <= most ? told : most
  }

  /** The buyer's own count; `undefined` for a unit of the seller's own. */
  #own(nowMs: number): bigint | undefined {
    const { unit } = this.#price
    if (unit === 'second') {
      let ms = this.#clockMs
      for (const { startedAtMs } of this.#open) ms += Math.max(0, nowMs - startedAtMs)
      return BigInt(Math.ceil(ms))
    }
    if (!COUNTED.has(unit) && unit !== 'request') return undefined
    let steps = this.#steps
    for (const receipt of this.#open) steps += receipt.steps
    return steps
  }
}

/** What an answer will count in all, where its headers tell. */
export function expectedSteps(asked: Counted, headers: Headers): bigint | undefined {
  const unit = outputUnit(asked)
  // Of an answer that is not counted nothing more is to come.
  if (unit === undefined) return 0n
  if (unit === 'request') return 1n
  const length = headers.get('content-length')
  if (length === null || !/^\d{1,15}$/.test(length) || headers.has('content-encoding')) return undefined
  if (unit === 'byte') return BigInt(length)
  if (unit !== 'play-second') return undefined
  const play = readPlay(headers.get('stream-play'), length)
  return play ? playSteps(play, play.length) : 0n
}

/** How far an honest seller can have counted, in steps of the agreement beyond those that came; `undefined`: without limit. */
export type Covered = () => bigint | undefined

/** Counts a body as it is read. */
export class BodyCounter {
  readonly #counter: Counter | undefined
  /** What is counted by its bytes is counted as it comes, whatever else is looked for in it. */
  readonly #byBytes: boolean
  readonly #isText: boolean
  readonly #receipt: Receipt
  readonly #received: Received
  readonly #covered: Covered
  readonly #tariff: Tariff | undefined
  /** All that the body counts by its own word, believed or not. */
  #told = 0n

  /** @param covered how many more steps an honest seller can have let leave, by what was paid, is on its way and the credit */
  constructor(
    asked: Counted,
    headers: Pick<Headers, 'get'>,
    receipt: Receipt,
    received: Received,
    covered: Covered = () => undefined,
  ) {
    this.#covered = covered
    this.#tariff = asked.tariff
    const unit = outputUnit(asked)
    this.#byBytes = unit === 'byte'
    this.#isText = unit === 'token'
    this.#counter = this.#byBytes && !asked.tariff?.input ? undefined : answerCounter(asked, headers)
    this.#receipt = receipt
    this.#received = received
  }

  /** Returns the steps of the agreement that the chunk added. */
  push(chunk: Uint8Array): bigint {
    const receipt = this.#receipt
    receipt.bytes += chunk.byteLength
    const before = this.#steps
    if (this.#byBytes) receipt.steps += BigInt(chunk.byteLength)
    if (this.#counter) this.#add(this.#counter.push(chunk))
    return this.#steps - before
  }

  end(): void {
    if (this.#counter) this.#add(this.#counter.end())
  }

  get #steps(): bigint {
    const { steps, prompt = 0n } = this.#receipt
    return this.#tariff ? tariffCost(this.#tariff, { upload: 0n, input: prompt, output: steps, extra: 0n }) : steps
  }

  #add(pieces: ReturnType<Counter['push']>): void {
    for (const { bytes, steps, prompt, owed = 0n } of pieces) {
      if (prompt !== undefined && this.#tariff?.input) {
        this.#receipt.prompt = this.#received.within('input', prompt, this.#receipt, this.#covered())
      }
      if (this.#byBytes) continue
      this.#told += steps + owed
      if (owed > 0n && this.#told > BigInt(this.#receipt.bytes)) {
        throw new StreamError(
          'count-mismatch',
          `a usage of ${this.#told} tokens cannot be ${this.#receipt.bytes} bytes of text`,
        )
      }
      const shown = owed === 0n && this.#isText && steps <= tokensOfBytes(BigInt(bytes.byteLength))
      const counted = this.#receipt.steps + steps + owed
      // What was written off cannot be taken back as well.
      this.#receipt.steps = counted <= 0n ? 0n : shown ? counted : this.#credible(counted)
    }
  }

  /**
   * A count that the bytes do not show by themselves is a number that the seller wrote. An honest one was paid for it before it
   * let the bytes go, or wrote the rest off: what is not covered is not owed, and a lie costs no more than what is ahead.
   */
  #credible(counted: bigint): bigint {
    const receipt = this.#receipt
    if (counted <= receipt.steps) return counted
    const believed = this.#received.within('output', counted, receipt, this.#covered())
    return believed > receipt.steps ? believed : receipt.steps
  }
}
