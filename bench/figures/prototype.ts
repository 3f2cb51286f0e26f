import { createLndNode, parseLndSpec } from '../../src/lightning/lnd/index.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { type FigureResult, round } from '../figure.ts'
import { prototypeLoop } from '../lnd/prototypeLoop.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { buyTokens } from './tokens.ts'

const WINDOW = '20 sat'
const SECONDS = 10

/** Items a second at 1 sat an item, against the loop this project began as, on the same two LNDs. */
export async function prototype(): Promise<FigureResult> {
  const missing = lndMissing()
  if (missing) return { name: 'prototype', skipped: missing }
  const pair = await lndPair()
  const seller = await createLndNode(parseLndSpec(pair.sellerSpec))
  const loop = await prototypeLoop({ seller, buyer: pair.buyer, seconds: SECONDS })
  await seller.close()
  const { trade, account, tokens, seconds } = await buyTokens(
    pair,
    { kind: 'tokens', count: 1_000_000 },
    WINDOW,
    SECONDS,
  )
  const rate = tokens / seconds
  const ratio = round(rate / loop.itemsPerSecond)
  return {
    name: 'prototype',
    value: round(rate),
    unit: 'items/s',
    counterpart: 'invoice, pay, one item, repeat',
    counterpartValue: round(loop.itemsPerSecond),
    ratio,
    goal: 'ratio >= 20',
    held: ratio >= 20,
    note:
      `20 items at risk a side: seller at most ${formatMsat(BigInt(account.maxUnpaid))}, buyer ${formatMsat(trade.maxAhead)}; ` +
      `${round(trade.payments / seconds)} payments/s of ${formatMsat(trade.paid / BigInt(Math.max(1, trade.payments)))}; ` +
      `the source is not paced, so the stream waits for its windows ${Math.round((100 * trade.stallMs) / trade.durationMs)} % of the time; ` +
      `they make ${round(Number(trade.windowPerSecond) / 1000)} items/s possible at this payment time`,
  }
}
