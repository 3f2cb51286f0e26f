import { type Msat, parseMsat } from '../../../money/msat.ts'

/** What an upstream says that its answer costs, besides what is counted. */
export interface Said {
  /** Added to the request, in msat. */
  readonly cost?: Msat
  /** Steps of the seller's own unit. */
  readonly units?: bigint
}

/** In the head of an answer, or in its trailers. Taken out of what the buyer gets. */
export const PRICE_HEADERS = ['stream-cost', 'stream-units'] as const

/**
 * Reads `Stream-Cost: 25 msat` and `Stream-Units: 3`.
 * @throws StreamError `amount-invalid`, `amount-out-of-range` for a cost; RangeError for units that are no count. Work that says a price which
 *   cannot be read must not go for less.
 */
export function readSaid(header: (name: string) => string | null | undefined): Said {
  const cost = header('stream-cost')
  const units = header('stream-units')
  return { ...(cost != null && { cost: parseMsat(cost) }), ...(units != null && { units: readUnits(units) }) }
}

function readUnits(text: string): bigint {
  if (!/^\d{1,15}$/.test(text.trim()))
    throw new RangeError(`Stream-Units is a whole number, not "${text.slice(0, 40)}"`)
  return BigInt(text.trim())
}
