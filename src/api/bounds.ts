import { StreamError } from '../errors/error.ts'
import { KeyedBuckets, type Rate } from '../seller/buckets.ts'

/** What one caller may ask of the node and of others: each invoice is kept by the node, and each question goes to a seller. */
const RATES = {
  invoices: { burst: 100, perSecond: 5 },
  offers: { burst: 30, perSecond: 3 },
} as const satisfies Record<string, Rate>
/** As many callers as can be kept. */
const MAX_KEYS = 1000

/** Keeps one caller from asking for more than the others can wait for. */
export class Bounds {
  readonly #buckets = {
    invoices: new KeyedBuckets(RATES.invoices, MAX_KEYS),
    offers: new KeyedBuckets(RATES.offers, MAX_KEYS),
  }

  /** @throws StreamError `rate-limited`, with `retryAfter`, in seconds */
  take(what: keyof typeof RATES, caller: string): void {
    const nowMs = performance.now()
    const waitMs = this.#buckets[what].of(caller, nowMs).take(1, nowMs)
    if (waitMs > 0) {
      throw new StreamError('rate-limited', `too many ${what} at once`, { retryAfter: `${Math.ceil(waitMs / 1000)}` })
    }
  }
}
