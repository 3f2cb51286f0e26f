import { StreamError } from '../../errors/error.ts'
import type { Counts } from '../../money/tariff.ts'

/** Several places where the same thing is sold, and how to choose among them. */
export interface Sellers {
  /**
   * Where each sells: what `fetch` is given as a path is added to it. 1 to 16. A look at what one asks sends it the method and that path, and
   * neither headers nor body.
   */
  readonly urls: readonly string[]
  /** After so long all are asked again, before the next request. In ms; 30 s by default. `Infinity`: only when one fails. */
  readonly lookAgainMs?: number
  /** An agreement is left for an offer that is cheaper by so many per cent: 0 to 99, 5 by default. */
  readonly betterBy?: number
  /** What a request is taken to use where tariffs are compared; 1,000 tokens each way by default. */
  readonly expected?: Partial<Counts>
  /** Told who is chosen, who is left for a cheaper one, and who is not bought from for a while, or any more. Nobody by default. */
  readonly onNews?: (news: SellerNews) => void
}

export interface SellerNews {
  readonly type: 'chosen' | 'left' | 'out'
  readonly url: string
  /** What it asked when it was last looked at, for people. */
  readonly asks?: string
  /** Why it is out. */
  readonly error?: StreamError
}

export type CheckedSellers = Required<Sellers>

const MAX_SELLERS = 16
const LOOK_AGAIN_MS = 30_000
const BETTER_BY = 5

/** The sellers of an option, with what it leaves out; their URLs without a slash at the end. @throws StreamError `option-invalid` */
export function readSellers(given: readonly string[] | Sellers): CheckedSellers {
  const sellers: Sellers = 'urls' in given ? given : { urls: given }
  const { urls, lookAgainMs = LOOK_AGAIN_MS, betterBy = BETTER_BY, expected = {}, onNews = () => {} } = sellers
  if (urls.length < 1 || urls.length > MAX_SELLERS) {
    throw new StreamError('option-invalid', `1 to ${MAX_SELLERS} sellers can be compared`)
  }
  if (!Number.isInteger(betterBy) || betterBy < 0 || betterBy > 99) {
    throw new StreamError('option-invalid', 'an offer is cheaper by 0 to 99 whole per cent')
  }
  if (!(lookAgainMs >= 0)) throw new StreamError('option-invalid', 'sellers are looked at again after a time in ms')
  return { urls: [...new Set(urls.map(baseOf))], lookAgainMs, betterBy, expected, onNews }
}

/** @throws StreamError `option-invalid` */
function baseOf(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new StreamError('option-invalid', `"${text.slice(0, 200)}" is not the URL of a seller`)
  }
  url.hash = ''
  return url.href.replace(/\/$/, '')
}
