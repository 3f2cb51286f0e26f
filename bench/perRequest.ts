import { type Figure, median, round } from './figure.ts'
import { load, loadInTurn } from './load.ts'

const SECONDS = 3
const ROUNDS = 4

interface Asked {
  readonly name: string
  readonly shop: { readonly url: string; readonly freeUrl: string }
  /** The credential of each request. */
  readonly authorization: string
  /** The least ratio. */
  readonly goal: number
}

/** Requests a second with one credential, in turn with the same server without its paywall. */
export async function perRequest({
  name,
  shop,
  authorization,
  goal,
}: Asked): Promise<Figure & { readonly note: string }> {
  const [, ...pairs] = await loadInTurn(
    () => load(shop.url, SECONDS, { authorization }),
    () => load(shop.freeUrl, SECONDS),
    ROUNDS,
  )
  const served = pairs.reduce((sum, [paid]) => sum + (paid.statuses['200'] ?? 0), 0)
  const ratio = round(median(pairs.map(([paid, free]) => paid.perSecond / free.perSecond)))
  return {
    name,
    value: round(median(pairs.map(([paid]) => paid.perSecond))),
    unit: 'requests/s',
    counterpart: 'the same server without the paywall',
    counterpartValue: round(median(pairs.map(([, free]) => free.perSecond))),
    ratio,
    goal: `ratio >= ${goal}`,
    held: ratio >= goal && pairs.every(([paid]) => paid.statuses['200'] && Object.keys(paid.statuses).length === 1),
    note: `all ${served} answered 200; median of ${pairs.length} pairs of ${SECONDS} s`,
  }
}
