import type { Msat } from '../money/msat.ts'
import type { Price } from '../money/price.ts'
import type { Tariff } from '../money/tariff.ts'

/** What a handler that is sold sees of its meter. */
export interface Meter {
  /** The agreement's id; may be logged. */
  readonly agreement: string
  /** Aborts when the buyer leaves, or has paid nothing for longer than the grace period: stop working. */
  readonly signal: AbortSignal
  /**
   * Counts `steps` of a unit of the seller's own, before they leave. Resolves when they are covered; rejects when the
   * grace period ends first.
   * @example for (const image of images) { await meter.add(1); controller.enqueue(image) }
   */
  add(steps: number | bigint): Promise<void>
  /** What the agreement is for. Under a tariff it is for a msat of what that comes to. */
  readonly price: Price
  readonly tariff?: Tariff | undefined
  /**
   * Adds money to this request, before it leaves. Resolves when it is covered; rejects when the grace period ends first.
   * @throws StreamError `option-invalid` without a tariff that has `extra`, and beyond that sum
   */
  charge(amount: Msat): Promise<void>
  /**
   * As `charge`, for what is known only when the answer has left: it is waited for briefly, and written off if it is not covered then.
   */
  owe(amount: Msat): Promise<void>
}

/** A service: any function from a Request to a Response. The second argument meters what is sold. */
export type PaidHandler = (request: Request, meter: Meter) => Response | Promise<Response>
