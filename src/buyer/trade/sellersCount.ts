import type { StreamError } from '../../errors/error.ts'
import { COUNTED, outputUnit } from '../../meter/answer.ts'
import { type Msat, ZERO } from '../../money/msat.ts'
import { stepsFor } from '../../money/price.ts'
import { creditAt } from '../../terms/credit.ts'
import type { Agreement } from '../../terms/terms.ts'
import type { Statement } from '../../wire/statement.ts'
import { heldBackError } from '../payments/blocked.ts'
import type { Received } from '../received/received.ts'
import type { Arrivals } from './arrivals.ts'

/**
 * What the seller says has left, held against what arrived. Its statements are news, not proof: what they say is due is paid within
 * the window only, and a count that cannot be true ends the paying. Times are monotonic ms.
 */
export class SellersCount {
  readonly #agreement: Agreement
  readonly #ahead: Msat
  readonly #received: Received
  readonly #arrivals: Arrivals
  #statement: Statement | undefined
  /** Steps that left and were lost with a request that was cut: they are charged, and not waited for. */
  #lostSteps = 0n

  constructor(agreement: Agreement, ahead: Msat, received: Received, arrivals: Arrivals) {
    this.#agreement = agreement
    this.#ahead = ahead
    this.#received = received
    this.#arrivals = arrivals
  }

  /** It waits for money before its next step. */
  get paused(): boolean {
    return this.#statement?.state === 'paused'
  }

  /** Takes a statement. Returns by how many steps it cannot be true; then it is not believed. @param paid settled, in msat */
  hear(statement: Statement, paid: Msat, nowMs: number): bigint {
    this.#statement = statement
    const excess = this.excess(statement, paid, nowMs)
    if (excess > 0n) return excess
    this.#received.claim(statement.steps)
    if (this.#received.steps(nowMs) + this.#lostSteps < statement.steps) this.#arrivals.behind(nowMs)
    this.noteLost(nowMs)
    return 0n
  }

  /** By how many steps a statement exceeds what came and what both windows allow to be on its way. */
  excess({ steps }: Statement, paid: Msat, nowMs: number): bigint {
    const { price, credit } = this.#agreement
    const onTheWay = stepsFor(price, this.#ahead + creditAt(credit, paid)) ?? 0n
    return this.#received.excess(steps, onTheWay, nowMs)
  }

  /** What it waits for, by its latest statement. News from before our last settled payment is too old to pay by. */
  due(paid: Msat, nowMs: number): Msat {
    const { due, paid: known } = this.#statement ?? { due: ZERO, paid: ZERO }
    return due === 0n || known < paid || this.unread(nowMs) ? ZERO : due
  }

  /**
   * Something that left lies unread on the way. Then a paused seller is no halt, and what it waits for is not due: reading makes
   * room in the window, and a slow reader must not be taken for a small window.
   */
  unread(nowMs: number): boolean {
    const arrived = this.#received.steps(nowMs) + this.#lostSteps
    return this.#countsExactly && !this.#waitsInVain(nowMs) && arrived < this.#stated
  }

  /** Without this, each step after a cut would wait for what never comes. */
  noteLost(nowMs: number): void {
    const none = this.#received.open.size === 0
    if (!this.#received.cut || !(none || this.#waitsInVain(nowMs))) return
    const missing = this.#stated - this.#received.steps(nowMs)
    if (missing > this.#lostSteps) this.#lostSteps = missing
  }

  /** More left than arrived, nothing was cut, and nothing has come for `ms`: something on the way holds it. */
  heldBack(nowMs: number, ms: number): StreamError | undefined {
    const received = this.#received.steps(nowMs)
    if (!this.#countsExactly || this.#received.cut || received >= this.#stated) return undefined
    if (!this.#waitsInVain(nowMs) || !this.#arrivals.behindFor(ms, nowMs)) return undefined
    return heldBackError(this.#agreement.price.unit, this.#stated, received)
  }

  get #stated(): bigint {
    return this.#statement?.steps ?? 0n
  }

  /** The units that both sides count by what crosses the wire. */
  get #countsExactly(): boolean {
    const unit = outputUnit(this.#agreement)
    // An answer of which nothing is counted has nothing on its way.
    return unit === undefined || COUNTED.has(unit)
  }

  /** What left for a request that was cut never arrives: the readers have waited longer than anything is on its way. */
  #waitsInVain(nowMs: number): boolean {
    const open = [...this.#received.open]
    const answered = open.some((receipt) => receipt.answered)
    return this.#arrivals.inVain(answered ? this.#arrivals.waitingSince : open.at(-1)?.startedAtMs, nowMs)
  }
}
