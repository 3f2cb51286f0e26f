import { parseMsat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'
import type { WallOptions } from '../../seller/paywall.ts'
import type { SellerPolicy } from '../../terms/policy.ts'
import { bargain, type Reserve, readReserve } from '../../terms/reserve.ts'
import { currencyOf } from '../rates/fiat.ts'
import { playPrice } from '../video/playing.ts'

/** What a route says about bids, as it is written: prices, or parts of what is listed. */
export interface NegotiateConfig {
  readonly floor: string
  readonly rounds?: number | undefined
  readonly volume?: ReadonlyArray<{ readonly from: string; readonly price: string }> | undefined
  readonly load?: { readonly streams: number; readonly price: string } | undefined
  readonly hours?:
    | ReadonlyArray<{
        readonly from: string
        readonly to: string
        readonly price: string
        readonly zone?: string | undefined
      }>
    | undefined
  readonly policy?: SellerPolicy | undefined
}

type Haggling = Pick<WallOptions, 'policy' | 'floor' | 'rounds'>

/**
 * How a wall answers bids; without `negotiate` its price is its price.
 * @param plays a film is sold: its seconds are those of playing
 * @throws StreamError `price-invalid`, `option-invalid`
 */
export function hagglingOf(negotiate: NegotiateConfig | undefined, plays: boolean): Haggling {
  if (!negotiate) return { policy: undefined, floor: undefined, rounds: undefined }
  const { rounds, volume, load, hours, policy } = negotiate
  const reserveOf = (text: string): Reserve => {
    const reserve = readReserve(text)
    return plays && !('share' in reserve) ? playPrice(reserve) : reserve
  }
  const least = reserveOf(negotiate.floor)
  const rules = {
    floor: least,
    volume: volume?.map(({ from, price }) => ({ from: parseMsat(from), price: reserveOf(price) })),
    load: load && { streams: load.streams, price: reserveOf(load.price) },
    hours: hours?.map(({ price, ...times }) => ({ ...times, price: reserveOf(price) })),
  }
  return { policy: policy ?? bargain(rules), floor: least, rounds }
}

/** The prices of a bargain, with their place below `negotiate`. */
function reservesOf({ floor, volume = [], load, hours = [] }: NegotiateConfig) {
  return [
    [['floor'], floor],
    ...volume.map(({ price }, index) => [['volume', index, 'price'], price] as const),
    ...(load ? [[['load', 'price'], load.price] as const] : []),
    ...hours.map(({ price }, index) => [['hours', index, 'price'], price] as const),
  ] as ReadonlyArray<readonly [ReadonlyArray<string | number>, string]>
}

/** What is wrong with a bargain on a route that asks `price`, with its place. */
export function negotiateMistakes(
  negotiate: NegotiateConfig,
  price: unknown,
): ReadonlyArray<readonly [ReadonlyArray<string | number>, string]> {
  if (price === 'free') return [[[], 'is about a price, and this route is free']]
  const unit = unitOf(price)
  return reservesOf(negotiate).flatMap(([path, text]) => {
    const reserve = readReserve(text)
    if ('share' in reserve || reserve.unit === unit) return []
    const asked = unit === undefined ? 'what is asked in another currency or for several things' : `a price per ${unit}`
    return [[path, `"${text}" cannot be compared to ${asked}: write a part of it, such as 70%`] as const]
  })
}

function unitOf(price: unknown): string | undefined {
  return typeof price !== 'string' || currencyOf(price) !== undefined ? undefined : parsePrice(price).unit
}
