import { toMsat } from '../../../src/money/msat.ts'
import { costDown } from '../../../src/money/price.ts'
import type { Timed } from '../world/log.ts'
import type { BuyerBooks, SoldAgreement } from './books.ts'
import type { Evidence } from './evidence.ts'
import { type Margin, tighter } from './unpaid.ts'

export interface AheadFinding {
  /** What the buyer's node had been asked to pay, and had not failed to, beyond what the reader had; against `ahead`. */
  readonly ahead: Margin
  readonly faults: readonly string[]
}

/** Both ends of a request's time are noted outside of the buyer, and steps are whole milliseconds. */
const ROUNDING_MS = 1

/**
 * The buyer's promise, by what its node was asked for and what its reader got, over an agreement's whole life:
 * `asked and not failed - received <= ahead`.
 */
export function judgeAhead({ seller, buyers, buyerLogs }: Evidence): AheadFinding {
  const faults: string[] = []
  let worst: Margin | undefined
  for (const [name, { notes, deaths, ahead }] of buyerLogs) {
    const watch = new Watch(seller.agreements, buyers.get(name)!, toMsat(ahead), deaths)
    for (const note of notes) {
      const margin = watch.see(note)
      if (margin) worst = tighter(worst, margin)
    }
    faults.push(...watch.faults)
  }
  const found = worst ?? { most: 0n, bound: 0n, agreement: '' }
  if (found.most > found.bound) {
    faults.push(`paid ahead beyond the window: ${found.most} > ${found.bound} msat, agreement ${found.agreement}`)
  }
  return { ahead: found, faults }
}

/** One buyer's notes, read in the order in which they were written. */
class Watch {
  readonly faults: string[] = []
  readonly #sold: ReadonlyMap<string, SoldAgreement>
  readonly #books: BuyerBooks
  readonly #ahead: bigint
  readonly #deaths: readonly number[]
  /** Payments that were asked for and have not failed. */
  readonly #asked = new Map<string, bigint>()
  readonly #sums = new Map<string, bigint>()
  readonly #steps = new Map<string, bigint>()
  /** Requests that are open: number → agreement and since when. */
  readonly #open = new Map<number, Array<{ readonly agreement: string; readonly t: number }>>()
  /** Time of requests that are over, in microseconds. */
  readonly #times = new Map<string, number>()
  #lives = 0

  constructor(sold: ReadonlyMap<string, SoldAgreement>, books: BuyerBooks, ahead: bigint, deaths: readonly number[]) {
    this.#sold = sold
    this.#books = books
    this.#ahead = ahead
    this.#deaths = deaths
  }

  /** How an agreement stands after its node was asked for a payment. */
  see(note: Timed): Margin | undefined {
    switch (note.is) {
      case 'life':
        return this.#begin()
      case 'open':
        this.#open.set(note.request, [...(this.#open.get(note.request) ?? []), note])
        return
      case 'shut':
        return this.#shut(note.request, note.t)
      case 'got':
        this.#steps.set(note.agreement, (this.#steps.get(note.agreement) ?? 0n) + BigInt(note.steps))
        return
      case 'ask':
        return this.#ask(note.hash, BigInt(note.amount), note.t)
      case 'end':
        if (note.status !== 'settled') this.#forget(note.hash)
        return
      default:
        return
    }
  }

  #begin(): undefined {
    // What the process that was killed had open was over when it was gone.
    const t = this.#deaths[this.#lives - 1]
    this.#lives++
    for (const request of [...this.#open.keys()]) if (t !== undefined) this.#shut(request, t)
  }

  #shut(request: number, t: number): undefined {
    for (const { agreement, t: since } of this.#open.get(request) ?? []) {
      this.#times.set(agreement, (this.#times.get(agreement) ?? 0) + t - since)
    }
    this.#open.delete(request)
  }

  #ask(hash: string, amount: bigint, t: number): Margin | undefined {
    const agreement = this.#books.payments.get(hash)?.agreement
    const sold = agreement === undefined ? undefined : this.#sold.get(agreement)
    if (!sold) {
      this.faults.push(`payment ${hash} was asked for, and is in no journal or for no agreement`)
      return
    }
    if (!this.#asked.has(hash)) this.#sums.set(sold.id, (this.#sums.get(sold.id) ?? 0n) + amount)
    this.#asked.set(hash, amount)
    const received = costDown(sold.price, this.#received(sold, t))
    return { most: (this.#sums.get(sold.id) ?? 0n) - received, bound: this.#ahead, agreement: sold.id }
  }

  #forget(hash: string): void {
    const agreement = this.#books.payments.get(hash)?.agreement
    const amount = this.#asked.get(hash)
    if (agreement === undefined || amount === undefined) return
    this.#asked.delete(hash)
    this.#sums.set(agreement, this.#sums.get(agreement)! - amount)
  }

  #received({ id, price }: SoldAgreement, t: number): bigint {
    if (price.unit !== 'second') return this.#steps.get(id) ?? 0n
    let us = this.#times.get(id) ?? 0
    for (const requests of this.#open.values()) {
      for (const { agreement, t: since } of requests) if (agreement === id) us += t - since
    }
    return BigInt(Math.ceil(us / 1000) + ROUNDING_MS)
  }
}
