import { COUNTED, type Counted, countsUpload, outputUnit } from '../../meter/answer.ts'
import { tokensOfBytes } from '../../meter/tokens.ts'
import { costDown, type Price, type Unit } from '../../money/price.ts'
import { NO_COUNTS, type Tariff, tariffBase, tariffCost, tariffSum } from '../../money/tariff.ts'
import type { Receipt } from './receipt.ts'

/** Without a bound: the output is in a unit of the seller's own. */
type Bound = bigint | undefined

/**
 * What came under a tariff, in msat of what it comes to: steps of the agreement. Two sums for each request: what the answer itself showed, and
 * what an honest seller can have counted besides, by what was sent, the time that passed, and what the tariff lets it add. Of
 * the second only what the seller states is received.
 */
export class TariffTally {
  readonly #tariff: Tariff
  readonly #unit: Unit | undefined
  readonly #open: ReadonlySet<Receipt>
  /** Of the requests that are over. */
  #shown: bigint
  #besides: Bound = 0n
  #clockRequests = 0n

  /** @param earlier what an earlier run received, in msat */
  constructor(tariff: Tariff, open: ReadonlySet<Receipt>, earlier: bigint) {
    this.#tariff = tariff
    this.#unit = outputUnit({ price: NO_PRICE, tariff })
    this.#open = open
    this.#shown = earlier
  }

  end(receipt: Receipt, nowMs: number): void {
    const shown = this.#shownOf(receipt)
    this.#shown += shown
    this.#besides = plus(this.#besides, this.#besidesOf(receipt, nowMs))
    this.#clockRequests++
  }

  /** Received so far. @param claimed what the seller states */
  steps(claimed: bigint, nowMs: number): bigint {
    const { shown, besides } = this.#sums(nowMs)
    const more = claimed - shown
    if (more <= 0n) return shown
    return shown + (besides === undefined || more < besides ? more : besides)
  }

  /** What can have been delivered at most, by what was read; `undefined` where only the seller counts. */
  most(toleranceMs: bigint, nowMs: number): Bound {
    const { shown, besides } = this.#sums(nowMs)
    if (besides === undefined) return undefined
    const requests = this.#clockRequests + BigInt(this.#open.size)
    const clock = this.#unit === 'second' ? costDown(this.#tariff.output!, toleranceMs * requests) : 0n
    return shown + besides + clock
  }

  /** One request so far: all that the seller states beyond what was shown may be for this one. */
  costOf(receipt: Receipt, claimed: bigint, nowMs: number): bigint {
    const unattributed = claimed - this.#sums(nowMs).shown
    const besides = this.#besidesOf(receipt, nowMs)
    const more = unattributed <= 0n ? 0n : besides === undefined || unattributed < besides ? unattributed : besides
    return this.#shownOf(receipt) + more
  }

  /** What can still come on a request, as far as it is foreseen; `undefined` where its end is not known. */
  demandOf(receipt: Receipt, opening: bigint): Bound {
    const upload = tariffCost(this.#tariff, { ...NO_COUNTS, upload: receipt.sent, input: tokensOfBytes(receipt.sent) })
    if (!receipt.answered) return this.#unit === undefined || upload > opening ? upload : opening
    if (receipt.expected === undefined) return undefined
    const whole = tariffCost(this.#tariff, { ...this.#countsOf(receipt), output: receipt.expected })
    const missing = whole - this.#shownOf(receipt)
    return missing > 0n ? missing : 0n
  }

  /** Of all requests, what their answers themselves showed. */
  get shown(): bigint {
    let shown = this.#shown
    for (const receipt of this.#open) shown += this.#shownOf(receipt)
    return shown
  }

  /** How many steps of a charge a request may have, if no more than `covered` is to be added to what was shown of it. */
  within(charge: 'input' | 'output', receipt: Receipt, covered: bigint): Bound {
    const price = this.#tariff[charge]
    if (!price || price.msat === 0n) return undefined
    const others = { ...this.#countsOf(receipt), [charge]: 0n }
    const left = this.#shownOf(receipt) + (covered > 0n ? covered : 0n) - tariffSum(this.#tariff, others)
    return left < 0n ? 0n : ((left + 1n) * price.per - 1n) / price.msat
  }

  #sums(nowMs: number): { readonly shown: bigint; readonly besides: Bound } {
    let shown = this.#shown
    let besides = this.#besides
    for (const receipt of this.#open) {
      shown += this.#shownOf(receipt)
      besides = plus(besides, this.#besidesOf(receipt, nowMs))
    }
    return { shown, besides }
  }

  #countsOf({ steps, prompt }: Receipt) {
    return { ...NO_COUNTS, input: prompt ?? 0n, output: steps }
  }

  /** What the answer itself shows: nothing before there is one. */
  #shownOf(receipt: Receipt): bigint {
    return receipt.answered ? tariffCost(this.#tariff, this.#countsOf(receipt)) : 0n
  }

  #besidesOf(receipt: Receipt, nowMs: number): Bound {
    const { sent, prompt, startedAtMs, endedAtMs } = receipt
    const { output, extra = 0n } = this.#tariff
    const counted = output && COUNTED.has(output.unit)
    if (output && !counted && output.unit !== 'second') return undefined
    const ms = BigInt(Math.ceil(Math.max(0, (endedAtMs ?? nowMs) - startedAtMs)))
    const most = tariffCost(this.#tariff, {
      upload: sent,
      input: prompt ?? tokensOfBytes(sent),
      output: counted ? receipt.steps : ms,
      extra,
    })
    return most - this.#shownOf(receipt)
  }
}

/** Whether what a request costs is known with its answer, before any of the body is read. */
export function isFlatRate({ price, tariff }: Counted): boolean {
  if (!tariff) return price.unit === 'request'
  return !countsUpload(tariff) && !tariff.output && tariff.extra === undefined
}

/** The least with which a seller begins, in steps of the agreement. */
export const firstSteps = (tariff: Tariff | undefined): bigint => {
  const base = tariff ? tariffBase(tariff) : 1n
  return base > 0n ? base : 1n
}

const NO_PRICE: Price = { msat: 0n, per: 1n, unit: 'msat' }
const plus = (a: Bound, b: Bound): Bound => (a === undefined || b === undefined ? undefined : a + b)
