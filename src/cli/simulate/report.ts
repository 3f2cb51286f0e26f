import { dim, green, yellow } from '../output/colour.ts'
import { MILLION, type Tally } from './play.ts'

/** What became of a pair, in per cent with one decimal: gains and prices of the world's price, shares of what they are parts of. */
export interface PairRecord {
  readonly buyer: string
  readonly seller: string
  readonly requests: number
  readonly possible: number
  readonly deals: number
  readonly dealShare: number
  /** In the mean over all requests, whether something was bought or not. */
  readonly buyerGain: number
  readonly sellerGain: number
  /** Of what both could have gained together, what they did gain, and the buyer's part of that. */
  readonly gained: number
  readonly buyerPart: number
  /** Of the requests that were bought. */
  readonly meanPrice: number
  /** In the mean of a negotiation. */
  readonly bids: number
  readonly left: number
  readonly outside: number
  readonly failed: number
  readonly failure?: string
}

export function recordOfPair(tally: Tally): PairRecord {
  const { buyer, seller, requests, possible, deals, buyerGain, sellerGain, surplus, paid, left, outside, failed } =
    tally
  return {
    ...{ buyer, seller, requests, possible, deals },
    dealShare: percent(BigInt(deals), BigInt(possible)),
    buyerGain: percent(buyerGain, BigInt(requests) * MILLION),
    sellerGain: percent(sellerGain, BigInt(requests) * MILLION),
    gained: percent(buyerGain + sellerGain, surplus),
    buyerPart: percent(buyerGain, buyerGain + sellerGain),
    meanPrice: percent(paid, BigInt(deals) * MILLION),
    bids: Math.round((100 * tally.bids) / Math.max(1, tally.negotiations)) / 100,
    ...{ left, outside, failed },
    ...(tally.failure !== undefined && { failure: tally.failure }),
  }
}

/** With one decimal. */
const percent = (part: bigint, whole: bigint): number =>
  whole === 0n ? 0 : Number(((part * 2000n) / whole + 1n) >> 1n) / 10

const HEADS = [
  'buyer',
  'seller',
  'deals',
  'price',
  'buyer gains',
  'seller gains',
  'of what there is',
  'bids',
  'left',
] as const

/** Who gained what, as a table: one line for each pair. */
export function tableOf(pairs: readonly PairRecord[]): string[] {
  const rows = pairs.map((pair) => [
    pair.buyer,
    pair.seller,
    `${pair.dealShare.toFixed(1)} %`,
    `${pair.meanPrice.toFixed(1)} %`,
    pair.buyerGain.toFixed(1),
    pair.sellerGain.toFixed(1),
    `${pair.gained.toFixed(1)} %`,
    pair.bids.toFixed(2),
    `${pair.left}`,
  ])
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd()
  return [line(HEADS), ...rows.map(line)]
}

const BAR = 40

/** Who gained what, as bars: the buyer's part, the seller's, and what neither got. */
export function barsOf(pairs: readonly PairRecord[]): string[] {
  const names = pairs.map(({ buyer, seller }) => `${buyer} — ${seller}`)
  const width = Math.max(0, ...names.map((name) => name.length))
  const bars = pairs.map((pair, index) => {
    const { buyer, seller } = partsOf(pair, BAR)
    const rest = BAR - buyer - seller
    return `${names[index]!.padEnd(width)}  ${green('█'.repeat(buyer))}${yellow('▒'.repeat(seller))}${dim('·'.repeat(rest))}`
  })
  return [
    ...bars,
    '',
    `${' '.repeat(width)}  ${green('█')} the buyer's gain  ${yellow('▒')} the seller's  ${dim('·')} lost to both`,
  ]
}

/** How long the parts of a bar are, of `length`. */
export function partsOf({ gained, buyerPart }: PairRecord, length: number): { buyer: number; seller: number } {
  const both = Math.max(0, Math.min(length, Math.round((gained * length) / 100)))
  const buyer = Math.max(0, Math.min(both, Math.round((both * buyerPart) / 100)))
  return { buyer, seller: both - buyer }
}
