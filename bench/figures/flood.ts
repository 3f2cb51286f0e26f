import { LIMITS } from '../../src/seller/limits.ts'
import { SCHEME_NAMES } from '../../src/wire/challenges.ts'
import { type Figure, median, round } from '../figure.ts'
import { load, loadInTurn } from '../load.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const SECONDS = 3
const ROUNDS = 4
const STRANGERS = 2000

/** A flood of strangers, each from an address of its own, who are offered every scheme: invoices are made within bounds, whatever they ask. */
export async function flood(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/request',
    source: { kind: 'hello' },
    schemes: SCHEME_NAMES,
    trustProxy: 1,
  })
  const before = await shop.stats()
  const strangers = Array.from({ length: STRANGERS }, (_, i) => ({ 'x-forwarded-for': `10.9.${i >> 8}.${i & 255}` }))
  const startedAt = performance.now()
  const [, ...pairs] = await loadInTurn(
    () => load(shop.url, SECONDS, {}, strangers),
    () => load(shop.freeUrl, SECONDS, {}, strangers),
    ROUNDS,
  )
  const seconds = (performance.now() - startedAt) / 1000
  const calls = (await shop.stats()).nodeCalls - before.nodeCalls
  await shop.close()
  await pair.close()
  const refused = pairs.reduce((sum, [paid]) => sum + (paid.statuses['402'] ?? 0), 0)
  const most = Math.min(LIMITS.unpaidOffers, LIMITS.offersRate.burst + Math.ceil(LIMITS.offersRate.perSecond * seconds))
  const ratio = round(median(pairs.map(([paid, free]) => paid.perSecond / free.perSecond)))
  return {
    name: 'flood',
    value: round(median(pairs.map(([paid]) => paid.perSecond))),
    unit: 'requests/s',
    counterpart: 'the same server answering 200',
    counterpartValue: round(median(pairs.map(([, free]) => free.perSecond))),
    ratio,
    goal: 'ratio >= 0.25, node calls within the bounds of SellerLimits',
    held: ratio >= 0.25 && calls <= most,
    note: `${calls} node calls, ${most} at most, for ${refused} answers of 402 to many addresses, all schemes offered; median of ${pairs.length} pairs of ${SECONDS} s`,
  }
}
