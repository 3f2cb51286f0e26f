import { createBuyer } from '../../src/buyer/buyer.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { formatMsat } from '../../src/money/msat.ts'
import { type Figure, median, round } from '../figure.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const GIB = 2 ** 30
const ROUNDS = 5
const WINDOW = '512 sat'

/** 1 GiB over loopback, metered and paid by the byte, against the same server without the paywall. */
export async function goodput(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/MiB',
    credit: WINDOW,
    source: { kind: 'bytes', bytes: GIB },
  })
  await pair.connect(shop.publicKey)
  await warmNodes(pair.buyer, shop.url)
  const paid: number[] = []
  const free: number[] = []
  const ratios: number[] = []
  let payments = 0
  let stallMs = 0
  let windowPerSecond = 0n
  for (let round = 0; round <= ROUNDS; round++) {
    const buyer = createBuyer({ node: pair.buyer, max: '2000 sat', ahead: WINDOW })
    const paidS = await timeRead(() => buyer.fetch(shop.url))
    const freeS = await timeRead(() => fetch(shop.freeUrl))
    const [trade] = buyer.trades
    await buyer.close()
    // The first round warms up both.
    if (round === 0) continue
    paid.push(paidS)
    free.push(freeS)
    ratios.push(freeS / paidS)
    payments = trade?.payments ?? 0
    windowPerSecond = trade?.windowPerSecond ?? 0n
    stallMs += (trade?.stallMs ?? 0) / ROUNDS
  }
  const [account] = await shop.accounts()
  await shop.close()
  await pair.close()
  const ratio = round(median(ratios))
  return {
    name: 'goodput',
    value: round(1 / median(paid)),
    unit: 'GiB/s',
    counterpart: 'the same server unmetered',
    counterpartValue: round(1 / median(free)),
    ratio,
    goal: 'ratio >= 0.9',
    held: ratio >= 0.9,
    note:
      `${payments} payments a GiB at 1 sat/MiB, windows ${WINDOW} a side; the windows make ${round(Number(windowPerSecond) / 1000 / 1024)} GiB/s possible; stalled ${Math.round(stallMs)} ms of ${Math.round(median(paid) * 1000)} ms; ` +
      `seller risked at most ${formatMsat(BigInt(account?.maxUnpaid ?? 0))}; median of ${ROUNDS} pairs`,
  }
}

/** Many small payments first: a WASM node that has just started compiles itself while it pays. */
async function warmNodes(node: LightningNode, url: string): Promise<void> {
  const buyer = createBuyer({ node, max: '1000 sat', ahead: '2 sat' })
  const response = await buyer.fetch(url)
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes >= GIB / 4) break
  }
  await buyer.close()
}

/** Seconds from the request to the last byte. */
async function timeRead(open: () => Promise<Response>): Promise<number> {
  const startedAt = performance.now()
  const response = await open()
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.byteLength
  if (bytes !== GIB) throw new Error(`${bytes} bytes came instead of ${GIB}`)
  return (performance.now() - startedAt) / 1000
}
