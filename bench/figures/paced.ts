import { createBuyer } from '../../src/buyer/buyer.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, round } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const SECONDS = 30
const WINDOW = '20 sat'

/** A stream of 30 s, priced by the second, and at the same time the same stream unpaid. */
export async function paced(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '10 sat/s',
    credit: WINDOW,
    source: { kind: 'ticks', everyMs: 50, seconds: SECONDS },
  })
  await pair.connect(shop.publicKey)
  const buyer = createBuyer({ node: pair.buyer, max: '1000 sat', ahead: WINDOW })
  const [paidS, freeS] = await Promise.all([timeRead(() => buyer.fetch(shop.url)), timeRead(() => fetch(shop.freeUrl))])
  const [trade] = buyer.trades
  await buyer.close()
  const [account] = await shop.accounts()
  await shop.close()
  await pair.close()
  const ratio = round(paidS / freeS)
  return {
    name: 'paced',
    value: round(paidS),
    unit: 's',
    counterpart: 'the same stream unpaid, at the same time',
    counterpartValue: round(freeS),
    ratio,
    goal: 'ratio <= 1.02',
    held: ratio <= 1.02,
    note:
      `the windows make ${round(Number(trade?.windowPerSecond ?? 0n) / 1000)} sat/s possible; first byte after ${Math.round(trade?.firstByteMs ?? 0)} ms, stalled ${Math.round(trade?.stallMs ?? 0)} ms, ${trade?.payments} payments; ` +
      `at risk at most ${formatMsat(BigInt(account?.maxUnpaid ?? 0))} and ${formatMsat(trade?.maxAhead ?? 0n)} of ${WINDOW} a side`,
  }
}

async function timeRead(open: () => Promise<Response>): Promise<number> {
  const startedAt = performance.now()
  const response = await open()
  for await (const _ of response.body ?? []) {
    // only the time is of interest
  }
  return (performance.now() - startedAt) / 1000
}
