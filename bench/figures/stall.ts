import { formatMsat } from '../../src/money/msat.ts'
import { type FigureResult, round } from '../figure.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { buyTokens } from './tokens.ts'

const WINDOW = '20 sat'
const SECONDS = 15
const PER_SECOND = 100

/** Share of the time that a paced stream of 100 units/s stands still, with 20 units at risk a side, on two LNDs. */
export async function stall(): Promise<FigureResult> {
  const missing = lndMissing()
  if (missing) return { name: 'stall', skipped: missing }
  const pair = await lndPair()
  const source = { kind: 'tokens', count: 1_000_000, everyMs: 1000 / PER_SECOND } as const
  const { trade, account, tokens, seconds } = await buyTokens(pair, source, WINDOW, SECONDS)
  const share = round((100 * account.stallMs) / (seconds * 1000))
  return {
    name: 'stall',
    value: share,
    unit: '%',
    counterpart: 'a prepaid-session SDK at the same work: 52 %, as published, not run here',
    counterpartValue: 52,
    ratio: round(share / 52),
    goal: 'value <= 2 %',
    held: share <= 2,
    note:
      `${round(tokens / seconds)} of ${PER_SECOND} units/s, halted ${account.halted} ×, ${Math.round(account.stallMs)} ms in all; ` +
      `${round(trade.payments / seconds)} payments/s; the windows make ${round(Number(trade.windowPerSecond) / 1000)} units/s possible at this payment time; ` +
      `at risk at most ${formatMsat(BigInt(account.maxUnpaid))} and ${formatMsat(trade.maxAhead)}`,
  }
}
