import { type Figure, median, round } from '../figure.ts'
import { load, loadInTurn } from '../load.ts'
import { embeddedPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const SECONDS = 3
const ROUNDS = 4

/** Requests of strangers answered with a 402 a second, against the same server answering 200. */
export async function challenge(): Promise<Figure> {
  const pair = await embeddedPair()
  const shop = await openShop({ node: pair.sellerSpec, price: '1 sat/request', source: { kind: 'hello' } })
  const before = await shop.stats()
  const [, ...pairs] = await loadInTurn(
    () => load(shop.url, SECONDS),
    () => load(shop.freeUrl, SECONDS),
    ROUNDS,
  )
  const calls = (await shop.stats()).nodeCalls - before.nodeCalls
  await shop.close()
  await pair.close()
  const refused = pairs.reduce((sum, [paid]) => sum + (paid.statuses['402'] ?? 0), 0)
  const ratio = round(median(pairs.map(([paid, free]) => paid.perSecond / free.perSecond)))
  return {
    name: 'challenge',
    value: round(median(pairs.map(([paid]) => paid.perSecond))),
    unit: 'requests/s',
    counterpart: 'the same server answering 200',
    counterpartValue: round(median(pairs.map(([, free]) => free.perSecond))),
    ratio,
    goal: 'ratio >= 0.5, and zero node calls',
    held: ratio >= 0.5 && calls === 0,
    note: `${calls} node calls for ${refused} answers of 402; median of ${pairs.length} pairs of ${SECONDS} s`,
  }
}
