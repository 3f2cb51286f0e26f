import { createBuyer } from '../../src/buyer/buyer.ts'
import { type Figure, round } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const UNITS = 5
const AHEAD = 20
const SOURCE_UNITS = 200

/** The buyer leaves after 5 units of a source that sends as fast as it can: what it has paid for. */
export async function abandon(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/token',
    credit: '20 sat',
    source: { kind: 'tokens', count: SOURCE_UNITS },
  })
  await pair.connect(shop.publicKey)
  const buyer = createBuyer({ node: pair.buyer, max: '1000 sat', ahead: `${AHEAD} sat` })
  const response = await buyer.fetch(shop.url)
  const decoder = new TextDecoder()
  let received = 0
  for await (const chunk of response.body ?? []) {
    received += decoder.decode(chunk).split('data: {').length - 1
    if (received >= UNITS) break
  }
  const [closing] = await buyer.close()
  const [trade] = buyer.trades
  const paid = Number(trade?.paid ?? 0n) / 1000
  const kept = Number((trade?.paid ?? 0n) - (trade?.returned ?? 0n)) / 1000
  await shop.close()
  await pair.close()
  return {
    name: 'abandon',
    value: round(paid),
    unit: 'units paid for',
    counterpart: `all ${SOURCE_UNITS} units, which a prepaid-session SDK billed (as published, not run here)`,
    counterpartValue: SOURCE_UNITS,
    ratio: round(paid / SOURCE_UNITS),
    goal: `value <= ${UNITS} + ${AHEAD}`,
    held: paid <= received + AHEAD,
    note: `left after reading ${received} units; after the return (${closing?.returned}) ${round(kept)} units remain paid, at the seller's own count of what left`,
  }
}
