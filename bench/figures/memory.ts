import { sat } from '../../src/money/msat.ts'
import { type FigureResult, round } from '../figure.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { challengeOf, openAgreement } from '../prepaid.ts'
import { openShop } from '../shop.ts'

const AGREEMENTS = 10_000
const AT_ONCE = 32
const UNLIMITED = { burst: 2 * AGREEMENTS, perSecond: AGREEMENTS }

/** Resident memory of a seller's process for 10,000 open agreements, each used once, over what it had when idle. */
export async function memory(): Promise<FigureResult> {
  // The node is a process of its own, so that only the seller is measured.
  const missing = lndMissing()
  if (missing) return { name: 'memory', skipped: missing }
  const pair = await lndPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/request',
    credit: '1 sat',
    source: { kind: 'hello' },
    // All of them are strangers, and come from one address.
    maxUnpaidAgreements: 2 * AGREEMENTS,
    limits: { strangerRate: UNLIMITED, strangersRate: UNLIMITED },
  })
  const challenge = await challengeOf(shop.url)
  // A few first, so that compiled code and connections count as idle.
  await open(shop.url, 200)
  const idle = await shop.stats()
  await open(shop.url, AGREEMENTS)
  const full = await shop.stats()
  const accounts = (await shop.accounts()).length
  await shop.close()
  const mb = round((full.rss - idle.rss) / 1e6)
  return {
    name: 'memory',
    value: mb,
    unit: 'MB',
    counterpart: 'the same process idle',
    counterpartValue: round(idle.rss / 1e6),
    ratio: round(full.rss / idle.rss),
    goal: 'value <= 100 MB',
    held: mb <= 100,
    note: `${accounts} agreements in memory, each with an invoice of an LND and one request served; the ledger is in memory too; after a full collection, before and after`,
  }

  async function open(url: string, count: number): Promise<void> {
    let left = count
    const worker = async () => {
      while (left-- > 0) {
        const { authorization } = await openAgreement(url, challenge, [sat(1)])
        const response = await fetch(url, { headers: { authorization } })
        await response.text()
        if (response.status !== 200) throw new Error(`a request on credit answered ${response.status}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }
}
