import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBuyer } from '../../src/buyer/buyer.ts'
import { openJournal } from '../../src/ledger/index.ts'
import { createLndNode, parseLndSpec } from '../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { sat } from '../../src/money/msat.ts'
import type { SchemeName } from '../../src/wire/challenges.ts'
import { type FigureResult, median, round, sleep } from '../figure.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { timePayment } from '../payment.ts'
import { openShop } from '../shop.ts'

const STRANGERS = 25
const PREPAID = 20n
const GOAL = 1.2
/** Both begin on channels that have come to rest: a payment right after another is faster. */
const REST_MS = 250

/** As `first-byte`, under a scheme that is paid first: from asking, 402 and invoice included, to the first byte that the payment bought. */
export const firstBytePrepaid = (scheme: Exclude<SchemeName, 'stream'>) => async (): Promise<FigureResult> => {
  const name = `first-byte-${scheme}`
  const missing = lndMissing()
  if (missing) return { name, skipped: missing }
  const pair = await lndPair()
  const seller = await createLndNode(parseLndSpec(pair.sellerSpec))
  const folder = mkdtempSync(join(tmpdir(), 'streampay-bench-'))
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/token',
    source: { kind: 'tokens', count: 1 },
    ledger: join(folder, 'ledger.db'),
    schemes: [scheme],
    allowance: `${PREPAID} sat`,
  })
  const alone: number[] = []
  const first: number[] = []
  for (let i = 0; i <= STRANGERS; i++) {
    await sleep(REST_MS)
    const paymentMs = await timePayment(pair.buyer, seller, sat(PREPAID))
    await sleep(REST_MS)
    const firstMs = await timeStranger(pair.buyer, shop.url, scheme, join(folder, `journal-${i}.db`))
    // The first of each warms up.
    if (i > 0) {
      alone.push(paymentMs)
      first.push(firstMs)
    }
  }
  await shop.close()
  await seller.close()
  rmSync(folder, { recursive: true, force: true })
  const ratio = round(median(first) / median(alone))
  return {
    name,
    value: round(median(first)),
    unit: 'ms',
    counterpart: `one payment of ${PREPAID} sat alone between the same LNDs`,
    counterpartValue: round(median(alone)),
    ratio,
    goal: `ratio <= ${GOAL}`,
    held: ratio <= GOAL,
    note:
      `median of ${STRANGERS} strangers, each with a journal of its own on disk, as the ledger is; ` +
      `${round(median(first.map((ms, i) => ms - alone[i]!)))} ms beside the payment for two requests, an invoice and what is written`,
  }
}

async function timeStranger(node: LightningNode, url: string, scheme: SchemeName, path: string): Promise<number> {
  const journal = openJournal(path)
  const buyer = createBuyer({ node, journal, max: '100 sat', schemes: [scheme] })
  const startedAt = performance.now()
  const response = await buyer.fetch(url)
  const reader = response.body!.getReader()
  const { value } = await reader.read()
  const firstByteMs = performance.now() - startedAt
  if (!response.ok || !value?.byteLength) throw new Error(`${scheme} bought nothing: ${response.status}`)
  while (!(await reader.read()).done);
  // What a session has left is paid back before the next comes.
  await buyer.close()
  await journal.end()
  return firstByteMs
}
