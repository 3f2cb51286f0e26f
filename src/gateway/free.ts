import type { Price } from '../money/price.ts'
import { KeyedBuckets } from '../seller/buckets.ts'
import { clientAddress } from '../seller/clientAddress.ts'
import type { Meter } from '../seller/delivery.ts'
import type { Allowance } from './config/values.ts'

/** Addresses that are remembered for each route; the one that asked longest ago is forgotten first. */
const MAX_ADDRESSES = 10_000

/** So many requests of a route are free for each client address (of IPv6: a /64). Bounded in memory; it begins anew with the process. */
export class FreeAllowance {
  readonly #buckets: KeyedBuckets
  readonly #trustProxy: number

  constructor({ requests, perMs }: Allowance, trustProxy: number) {
    this.#buckets = new KeyedBuckets({ burst: requests, perSecond: (requests / perMs) * 1000 }, MAX_ADDRESSES)
    this.#trustProxy = trustProxy
  }

  /** Takes one free request. Returns what gives it back, or `undefined` if none is left. */
  take(request: Request): (() => void) | undefined {
    const nowMs = performance.now()
    const bucket = this.#buckets.of(clientAddress(request, this.#trustProxy) ?? '', nowMs)
    return bucket.take(1, nowMs) === 0 ? () => bucket.giveBack(1) : undefined
  }
}

const nothing = async (): Promise<void> => {}
const FREE: Price = { msat: 0n, per: 1n, unit: 'request' }

/** The meter of what is not sold: it ends with the request, and counts nothing. */
export const freeMeter = (request: Request): Meter => ({
  agreement: '',
  get signal() {
    return request.signal
  },
  price: FREE,
  add: nothing,
  charge: nothing,
  owe: nothing,
})
