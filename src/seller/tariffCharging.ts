import { StreamError } from '../errors/error.ts'
import { tokensOfBytes } from '../meter/tokens.ts'
import { formatMsat, type Msat } from '../money/msat.ts'
import { type Counts, NO_COUNTS, type Tariff, tariffBase, tariffCost } from '../money/tariff.ts'
import { type Charging, noExtra } from './charging.ts'
import type { Hold } from './hold.ts'

/** The counts after so many steps more. */
type Growth = (counts: Counts, steps: bigint) => Counts

/**
 * What is sold by a tariff: a step of the agreement is a msat of what it comes to. Invariant: what was counted is reserved before what it
 * counts leaves, and the sum of all requests at the gate is what they come to.
 */
export class TariffCharging implements Charging {
  readonly #hold: Hold
  readonly #tariff: Tariff
  readonly opening: bigint
  #counts: Counts = NO_COUNTS
  /** What the counts come to, as far as it was asked for. */
  #asked: bigint
  /** What was added, waited for or not. */
  #extra = 0n
  /** The answer said how long the prompt is: that is no longer estimated from the request. */
  #promptIsTold = false
  /** Somebody waits for money: whoever comes later counts after it. */
  #turn: Promise<unknown> | undefined

  constructor(hold: Hold, tariff: Tariff) {
    this.#hold = hold
    this.#tariff = tariff
    this.opening = tariffBase(tariff)
    this.#asked = this.opening
  }

  get outputSteps(): bigint {
    return this.#counts.output
  }

  output(steps: bigint, least: bigint, graceMs?: number): Promise<bigint> {
    return this.#grow(addOutput, steps, least, graceMs)
  }

  tryOutput(steps: bigint): boolean {
    return !this.#turn && !this.#hold.over && this.#tryGrow(addOutput, steps)
  }

  takeBack(steps: bigint): void {
    const { output } = this.#counts
    this.#set({ ...this.#counts, output: output > steps ? output - steps : 0n })
  }

  owed(steps: bigint): Promise<void> {
    return this.#collect((counts) => addOutput(counts, steps))
  }

  async prompt(tokens: bigint, late: boolean): Promise<void> {
    if (!this.#tariff.input) return
    this.#promptIsTold = true
    const told: Growth = (counts) => ({ ...counts, input: tokens })
    if (late) await this.#collect((counts) => told(counts, 0n))
    else await this.#grow(told, 1n, 1n)
  }

  upload(bytes: bigint): Promise<bigint> {
    return this.#grow(
      (counts, more) => {
        const upload = counts.upload + more
        return { ...counts, upload, ...(!this.#promptIsTold && { input: tokensOfBytes(upload) }) }
      },
      bytes,
      1n,
    )
  }

  async charge(amount: Msat): Promise<void> {
    this.#takeExtra(amount)
    await this.#grow(addExtra, amount, amount)
  }

  async owe(amount: Msat): Promise<void> {
    this.#takeExtra(amount)
    await this.#collect((counts) => addExtra(counts, amount))
  }

  #takeExtra(amount: Msat): void {
    const { extra } = this.#tariff
    if (extra === undefined) throw noExtra()
    if (amount < 0n) throw new StreamError('option-invalid', 'a meter only counts forward')
    if (this.#extra + amount > extra) {
      throw new StreamError('option-invalid', `no more than ${formatMsat(extra)} may be added to a request`)
    }
    this.#extra += amount
  }

  /** Counts on, as far as it is covered; whoever waits goes first. Returns by how many of the steps. */
  async #grow(growth: Growth, steps: bigint, least: bigint, graceMs?: number): Promise<bigint> {
    while (this.#turn) await this.#turn
    if (steps === 0n || this.#hold.over || this.#tryGrow(growth, steps)) return steps
    return this.#inTurn(() => this.#part(growth, steps, least, graceMs))
  }

  #tryGrow(growth: Growth, steps: bigint): boolean {
    const whole = growth(this.#counts, steps)
    const more = tariffCost(this.#tariff, whole) - this.#asked
    if (more > 0n && this.#hold.tryReserve(more, more) === 0n) return false
    this.#set(whole)
    return true
  }

  /**
   * The cost of some of the steps is enough to go on with, where they can be cut. What is taken back during the wait can make the
   * same steps a msat dearer, since each charge is rounded on its own total: then that msat is waited for as well.
   */
  async #part(growth: Growth, steps: bigint, least: bigint, graceMs: number | undefined): Promise<bigint> {
    const costOf = (part: bigint) => tariffCost(this.#tariff, growth(this.#counts, part)) - this.#asked
    let granted = 0n
    try {
      do {
        const first = costOf(least) - granted
        const more = await this.#hold.reserve(costOf(steps) - granted, first > 0n ? first : 1n, graceMs)
        if (this.#hold.over) {
          this.#hold.release(granted)
          return steps
        }
        granted += more
      } while (costOf(least) > granted)
    } catch (error) {
      this.#hold.release(granted)
      throw error
    }
    let [fits, beyond] = [least, steps + 1n]
    while (beyond - fits > 1n) {
      const middle = (fits + beyond) / 2n
      if (costOf(middle) <= granted) fits = middle
      else beyond = middle
    }
    const counts = growth(this.#counts, fits)
    // What was granted beyond a whole number of steps is given back.
    this.#asked += granted
    this.#set(counts)
    return fits
  }

  /** Counts what has left already: what is not covered in a moment is written off. */
  async #collect(growth: (counts: Counts) => Counts): Promise<void> {
    while (this.#turn) await this.#turn
    if (this.#hold.over) return
    await this.#inTurn(async () => {
      const costNow = () => tariffCost(this.#tariff, growth(this.#counts)) - this.#asked
      let asked = 0n
      // Counted on from what the counts are after the wait: something may have been taken back during it.
      for (let more = costNow(); more > asked; more = costNow()) {
        await this.#hold.collect(more - asked)
        asked = more
      }
      // As if all of it had been covered: what was written off stays so, and is not asked for with the next step.
      this.#asked += asked
      this.#set(growth(this.#counts))
    })
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = task()
    const over = turn.then(
      () => {},
      () => {},
    )
    this.#turn = over
    try {
      return await turn
    } finally {
      if (this.#turn === over) this.#turn = undefined
    }
  }

  /** The counts are these; what they come to less than was asked for is given back. */
  #set(counts: Counts): void {
    const cost = tariffCost(this.#tariff, counts)
    if (!this.#hold.over && cost < this.#asked) this.#hold.release(this.#asked - cost)
    this.#counts = counts
    this.#asked = cost
  }
}

const addOutput: Growth = (counts, steps) => ({ ...counts, output: counts.output + steps })
const addExtra: Growth = (counts, amount) => ({ ...counts, extra: counts.extra + amount })
