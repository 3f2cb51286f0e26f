import { comparePrices, type Price } from '../../src/money/price.ts'
import { type BuyersResult, REFUSALS, type SellerBooks, type SellerKind } from './orders.ts'

/** What is known of one seller at the end. Where another took its place for a while, its books are in these too. */
export interface SellerEvidence {
  readonly url: string
  readonly kind: SellerKind
  /** Nothing may have been sold below. */
  readonly floor: Price
  readonly credit: bigint
  readonly books: SellerBooks
}

export interface MarketEvidence {
  readonly seconds: number
  readonly seed: number
  readonly sellers: readonly SellerEvidence[]
  readonly run: BuyersResult
  readonly troubles: readonly string[]
}

/** The last line of `npm run -s market -- --json`. Amounts are msat, as decimal strings. */
export interface MarketReport {
  readonly ok: boolean
  readonly reasons: readonly string[]
  readonly buyers: number
  readonly sellers: number
  readonly seconds: number
  readonly seed: number
  /** What was done to the sellers in mid-run. */
  readonly troubles: readonly string[]
  readonly requests: number
  readonly bytes: number
  readonly agreements: number
  /** Agreements that were left for a cheaper seller. */
  readonly left: number
  /** Attempts where the two did not come to terms, and where something else ended them, by code. */
  readonly refused: number
  readonly failed: Readonly<Record<string, number>>
  readonly stuck: number
  /** Agreements above their buyer's limit, below their seller's floor; buyers and sellers that risked more than they may. */
  readonly outside: {
    readonly buyers: number
    readonly sellers: number
    readonly ahead: number
    readonly unpaid: number
    readonly budget: number
  }
  readonly payments: number
  readonly paid: string
  readonly settled: string
  readonly delivered: string
  readonly returned: string
  /** Balances below 1 sat, which stay with the sellers. */
  readonly kept: string
  /** Delivered on credit and not paid when the agreement was closed. */
  readonly onCredit: string
  /** Absolute differences of all that must be equal, summed: 0 where the money is conserved. */
  readonly unaccounted: string
  readonly maxAhead: string
  /** By kind of buyer: what it bought, and the mean price in thousandths of its limit. */
  readonly kinds: Readonly<
    Record<string, { buyers: number; requests: number; agreements: number; priceOfLimit: number }>
  >
}

const SMALLEST_RETURN = 1000n

/** What a run says of the market. Pure, so that what it calls wrong can be tested. */
export function report({ seconds, seed, sellers, run, troubles }: MarketEvidence): MarketReport {
  const { buyers } = run
  const reasons: string[] = []
  let unaccounted = 0n
  const hold = (what: string, a: bigint, b: bigint): void => {
    if (a === b) return
    unaccounted += a > b ? a - b : b - a
    reasons.push(`${what}: ${a} and ${b} msat`)
  }
  const bySeller = new Map(sellers.map((seller) => [seller.url, seller]))
  const outside = { buyers: 0, sellers: 0, ahead: 0, unpaid: 0, budget: 0 }
  let [delivered, returned, kept, onCredit] = [0n, 0n, 0n, 0n]
  for (const buyer of buyers) {
    if (buyer.maxAhead > buyer.ahead) outside.ahead++
    if (buyer.spent > buyer.max) outside.budget++
    for (const agreement of buyer.agreements) {
      const { id, price, paid, state, stated } = agreement
      const floor = bySeller.get(agreement.url)?.floor
      if (comparePrices(price, buyer.limit) > 0) outside.buyers++
      if (!floor || comparePrices(price, floor) < 0) outside.sellers++
      if (state === 'open' || stated === undefined || agreement.delivered === undefined) {
        unaccounted += paid
        if (paid > 0n) reasons.push(`agreement ${id} was not closed, with ${paid} msat paid`)
        continue
      }
      hold(`agreement ${id}: what its two sides say was paid`, paid, stated)
      const unpaid = agreement.delivered > paid ? agreement.delivered - paid : 0n
      const left = paid + unpaid - agreement.delivered - agreement.returned
      if (left < 0n || left >= SMALLEST_RETURN || agreement.pending > 0n) {
        unaccounted += left < 0n ? -left : left
        reasons.push(`agreement ${id}: ${left} msat did not come back`)
      } else kept += left
      delivered += agreement.delivered
      returned += agreement.returned
      onCredit += unpaid
    }
    if (buyer.stuck !== undefined) reasons.push(`a buyer (${buyer.kind}) is stuck: ${buyer.stuck}`)
  }
  const settledAt = new Map(sellers.flatMap(({ books }) => books.settled))
  const paid = sum(run.payments.map(({ amount }) => amount))
  const arrived = sum(run.payments.map(({ paymentHash }) => BigInt(settledAt.get(paymentHash) ?? 0n)))
  hold("what buyers paid, and what the sellers' nodes settled of it", paid, arrived)
  hold("what the sellers' nodes settled, and what was paid", sum([...settledAt.values()].map(BigInt)), paid)
  hold("what came back, and what the buyers' node settled", returned, sum(run.returns.map(({ amount }) => amount)))
  if (run.open > 0) reasons.push(`${run.open} payments have no outcome`)
  for (const { credit, books } of sellers) {
    for (const { maxUnpaid } of books.accounts) if (BigInt(maxUnpaid) > credit) outside.unpaid++
  }
  for (const [what, count] of Object.entries(outside))
    if (count > 0) reasons.push(`${count} outside their limits: ${what}`)
  const ends = new Map<string, number>()
  for (const [code, times] of buyers.flatMap(({ ends }) => Object.entries(ends)))
    ends.set(code, (ends.get(code) ?? 0) + times)
  const failed = Object.fromEntries([...ends].filter(([code]) => !REFUSALS.includes(code)))
  const internal = Object.keys(failed).filter((code) => code.startsWith('internal'))
  reasons.push(...internal.map((what) => `unexpected: ${what}`))
  const requests = total(buyers.map((buyer) => buyer.requests))
  if (requests === 0) reasons.push('nothing was bought')
  return {
    ok: reasons.length === 0,
    reasons,
    ...{ buyers: buyers.length, sellers: sellers.length, seconds, seed, troubles, requests },
    bytes: total(buyers.map(({ bytes }) => bytes)),
    agreements: total(buyers.map(({ agreements }) => agreements.length)),
    left: total(buyers.map(({ left }) => left)),
    refused: total([...ends].map(([code, times]) => (REFUSALS.includes(code) ? times : 0))),
    failed,
    stuck: buyers.filter(({ stuck }) => stuck !== undefined).length,
    outside,
    payments: run.payments.length,
    ...{ paid: `${paid}`, settled: `${arrived}`, delivered: `${delivered}`, returned: `${returned}` },
    ...{ kept: `${kept}`, onCredit: `${onCredit}`, unaccounted: `${unaccounted}` },
    maxAhead: `${buyers.reduce((most, { maxAhead }) => (maxAhead > most ? maxAhead : most), 0n)}`,
    kinds: kindsOf(run),
  }
}

function kindsOf({ buyers }: BuyersResult): MarketReport['kinds'] {
  const kinds: Record<string, { buyers: number; requests: number; agreements: number; priceOfLimit: number }> = {}
  for (const name of [...new Set(buyers.map(({ kind }) => kind))]) {
    const own = buyers.filter(({ kind }) => kind === name)
    const parts = own.flatMap(({ limit, agreements }) =>
      agreements.map(({ price }) => Number((price.msat * limit.per * 1000n) / (price.per * limit.msat))),
    )
    kinds[name] = {
      buyers: own.length,
      requests: total(own.map(({ requests }) => requests)),
      agreements: parts.length,
      priceOfLimit: parts.length === 0 ? 0 : Math.round(total(parts) / parts.length),
    }
  }
  return kinds
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, amount) => all + amount, 0n)
const total = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0)
