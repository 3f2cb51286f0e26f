import { join } from 'node:path'
import { createBuyer } from '../../../src/buyer/buyer.ts'
import { toStreamError } from '../../../src/errors/error.ts'
import { openJournal } from '../../../src/ledger/index.ts'
import { createEmbeddedNode } from '../../../src/lightning/embedded/index.ts'
import type { Invoice, OutgoingPayment, Settlement } from '../../../src/lightning/node.ts'
import { decodeInvoice } from '../../../src/wire/bolt11.ts'
import type { BuyerCalls, Fetched, Purchase, PurchaseOrder } from './buyer.ts'
import { counted } from './counted.ts'
import { answerCalls, heldBytes } from './process.ts'

/** The process of the attacked buyer: see `buyer.ts`. What it runs is the product, unchanged; only calls to the node are noted. */
const [home] = process.argv.slice(2) as [string]
const node = await createEmbeddedNode({ home, name: 'victim' })
const settlements: Settlement[] = []
node.subscribeSettlements(
  0n,
  (settlement) => settlements.push(settlement),
  (error) => process.stderr.write(`${error.message}\n`),
)
const SAMPLE_MS = 100
/** Samples in a row for which memory has to stay to count as held: half a second, since a busy machine sweeps late. */
const LASTING = 6
let journals = 0

async function buy(order: PurchaseOrder): Promise<Purchase> {
  const { url, fetches = 1, atOnce = 1, keep = false, max = '1000 sat', ahead = '10 sat', maxPrice, stallMs } = order
  const asked: string[] = []
  const requests: string[] = []
  const noted = counted(
    node,
    {},
    {
      pay: ([payment]) => void requests.push((payment as unknown as OutgoingPayment).request),
      createInvoices: (_, made) =>
        void (made as Promise<Invoice[]>).then((list) => asked.push(...list.map(({ paymentHash }) => paymentHash))),
    },
  )
  const journal = openJournal(join(home, `journal-${journals++}.db`))
  const options = { max, ahead, ...(maxPrice && { maxPrice }), ...(stallMs && { stallMs }) }
  const buyer = createBuyer({ node: noted, journal, ...options })
  const before = order.weighed ? await heldBytes() : 0
  let most = 0
  const latest: number[] = []
  const sampling = setInterval(() => {
    if (!order.weighed) return
    // Buffers are swept beside the program after a collection; the next collection first waits for that.
    globalThis.gc?.()
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    latest.push(heapUsed + external - before)
    // What is held stays; buffers that were let go are swept a moment after the collection, and are not counted.
    if (latest.length >= LASTING) most = Math.max(most, Math.min(...latest.slice(-LASTING)))
  }, SAMPLE_MS)
  const fetched: Fetched[] = []
  for (let i = 0; i < fetches; i++) {
    fetched.push(...(await Promise.all(Array.from({ length: atOnce }, () => fetchOnce(buyer, url, order)))))
  }
  const closing = await buyer.close({ keep }).then(
    () => undefined,
    (error) => toStreamError(error).code,
  )
  clearInterval(sampling)
  const purchase: Purchase = {
    fetched,
    closing,
    closings: buyer.closings.map(({ returned, amount, dispute }) => ({ returned, amount, dispute: dispute?.code })),
    spent: buyer.spent,
    agreements: buyer.trades.length,
    attempts: requests.map(attemptOf),
    asked,
    grownAtMost: most,
  }
  await journal.end()
  return purchase
}

function attemptOf(request: string): Purchase['attempts'][number] {
  const { paymentHash, amount = 0n } = decodeInvoice(request)
  return { paymentHash, amount }
}

type Buying = { fetch(url: string, init: RequestInit): Promise<Response> }

async function fetchOnce(buyer: Buying, url: string, { stopAfter, patienceMs = 15_000 }: PurchaseOrder) {
  const startedAt = performance.now()
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(new Error('patience')), patienceMs)
  const result = {
    status: undefined as number | undefined,
    bytes: 0,
    tokens: 0,
    error: undefined as string | undefined,
  }
  try {
    const response = await buyer.fetch(url, { signal: patience.signal })
    result.status = response.status
    let tail = ''
    for await (const chunk of response.body ?? []) {
      result.bytes += chunk.byteLength
      // A mark that is cut between two chunks is found in the second.
      tail += Buffer.from(chunk).toString('latin1')
      result.tokens += tail.split(TOKEN_MARK).length - 1
      tail = tail.slice(-(TOKEN_MARK.length - 1))
      if (stopAfter !== undefined && result.bytes >= stopAfter) break
    }
  } catch (error) {
    result.error = patience.signal.aborted ? 'patience' : toStreamError(error).code
  }
  clearTimeout(timer)
  return { ...result, ms: performance.now() - startedAt }
}

/** What the hostile seller's events of one token hold; see `speaker/goods.ts`. */
const TOKEN_MARK = '"delta":{"content"'

const calls: BuyerCalls = {
  publicKey: async () => (await node.info()).publicKey,
  connect: (publicKey) => node.openChannelTo(publicKey),
  buy,
  settlements: async () => settlements,
  lookup: (paymentHash) => node.lookupPayment(paymentHash),
  held: heldBytes,
}
answerCalls(calls, () => node.close())
