import { createBuyer } from '../../src/buyer/buyer.ts'
import { createLndNode, parseLndSpec } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import { type FigureResult, median, round, sleep } from '../figure.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { timePayment } from '../payment.ts'
import { openShop } from '../shop.ts'

const STRANGERS = 15

/** From asking for the resource, 402 and agreement included, to its first paid byte, in payment times of the same two nodes. */
export async function firstByte(): Promise<FigureResult> {
  const missing = lndMissing()
  if (missing) return { name: 'first-byte', skipped: missing }
  const pair = await lndPair()
  const seller = await createLndNode(parseLndSpec(pair.sellerSpec))
  const shop = await openShop({ node: pair.sellerSpec, price: '1 sat/token', source: { kind: 'tokens', count: 1 } })
  const alone: number[] = []
  const first: number[] = []
  for (let i = 0; i <= STRANGERS; i++) {
    const paymentMs = await timePayment(pair.buyer, seller, sat(2))
    const firstMs = await timeStranger(pair.buyer, shop.url)
    // The first of each warms up.
    if (i > 0) {
      alone.push(paymentMs)
      first.push(firstMs)
    }
    await sleep(50)
  }
  await shop.close()
  await seller.close()
  const ratio = round(median(first) / median(alone))
  return {
    name: 'first-byte',
    value: round(median(first)),
    unit: 'ms',
    counterpart: 'one payment alone between the same LNDs',
    counterpartValue: round(median(alone)),
    ratio,
    goal: 'ratio <= 1.5',
    held: ratio <= 1.5,
    note: `median of ${STRANGERS} strangers; the request is sent beside the payment, and the seller sees the payment before the buyer does`,
  }
}

async function timeStranger(node: LightningNode, url: string): Promise<number> {
  const buyer = createBuyer({ node, max: '100 sat', ahead: '10 sat' })
  const response = await buyer.fetch(url)
  await response.text()
  const firstByteMs = buyer.trades[0]?.firstByteMs ?? Number.NaN
  await buyer.close({ keep: true })
  return firstByteMs
}
