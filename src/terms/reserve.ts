import { StreamError } from '../errors/error.ts'
import { type Msat, ZERO } from '../money/msat.ts'
import { comparePrices, type Price, parsePrice } from '../money/price.ts'
import { between } from './concede.ts'
import { counterAt, type PolicyContext, type SellerPolicy, withinCredit } from './policy.ts'
import type { Terms } from './terms.ts'

/** A price, or a part of another one: of what is listed, for a seller; of the limit, for a buyer. In thousandths of a per cent. */
export type Reserve = Price | { readonly share: bigint }

const WHOLE = 100_000n
const SHARE = /^(\d{1,3})(?:\.(\d{1,3}))? ?%$/

/**
 * Reads "700 msat/1k tokens" or "70%".
 * @throws StreamError `price-invalid`, `amount-invalid`
 */
export function readReserve(text: string): Reserve {
  const match = SHARE.exec(text.trim())
  if (!match) return parsePrice(text)
  const share = BigInt(match[1]! + (match[2] ?? '').padEnd(3, '0'))
  if (share > WHOLE) throw new StreamError('price-invalid', `"${text}" is more than the whole price`)
  return { share }
}

/** The price that a reserve comes to, and never more than `whole`. Of a part, rounded up by less than a last digit. */
export function reserveAt(reserve: Reserve, whole: Price): Price {
  if (!('share' in reserve)) return comparePrices(reserve, whole) < 0 ? reserve : whole
  return between(whole, { ...whole, msat: ZERO }, Number(WHOLE - reserve.share), Number(WHOLE))
}

/** How low a seller goes for a bid. Never throws for a bid in the listed unit. */
export type ReserveRule = (bid: Terms, context: PolicyContext) => Price

/** As low for everybody, at any time. */
export const always =
  (reserve: Reserve): ReserveRule =>
  (_, { listed }) =>
    reserveAt(reserve, listed.price)

/**
 * Lower for whoever pays in larger pieces: they cost the seller fewer invoices and less routing.
 * @example byVolume([{ from: sat(100), price: { share: 80_000n } }])
 */
export const byVolume =
  (discounts: ReadonlyArray<{ readonly from: Msat; readonly price: Reserve }>): ReserveRule =>
  (bid, { listed }) =>
    discounts
      .filter(({ from }) => bid.smallestPayment >= from)
      .map(({ price }) => reserveAt(price, listed.price))
      .reduce(lower, listed.price)

/**
 * Lower while there is little to do: `price` when nothing is being served, what is listed from `streams` requests at once on, and
 * equal steps between.
 * @throws StreamError `option-invalid`
 * @example byLoad({ streams: 8, price: { share: 60_000n } })
 */
export function byLoad({ streams, price }: { readonly streams: number; readonly price: Reserve }): ReserveRule {
  if (!Number.isSafeInteger(streams) || streams < 1 || streams > MAX_STREAMS) {
    throw new StreamError('option-invalid', `a load is full from 1 to ${MAX_STREAMS} streams on`)
  }
  return (_, { listed, streams: now }) => {
    const idle = reserveAt(price, listed.price)
    return between(listed.price, idle, Math.max(0, streams - now), streams)
  }
}
export const MAX_STREAMS = 100_000

/** A time of the day, and what is taken in it. */
export interface Hours {
  /** "22:00". */
  readonly from: string
  /** "06:00": up to here and not including it; at or before `from`, it is the next day's. */
  readonly to: string
  readonly price: Reserve
  /** Of which the clock shows it, such as "Europe/Berlin". UTC by default. */
  readonly zone?: string | undefined
}

/**
 * Lower at some times of the day.
 * @throws StreamError `option-invalid`
 * @example byHours([{ from: '22:00', to: '06:00', price: { share: 50_000n } }])
 */
export function byHours(hours: readonly Hours[]): ReserveRule {
  const read = hours.map(({ from, to, price, zone }) => ({
    from: readClock(from),
    to: readClock(to),
    price,
    minuteAt: clockOf(zone ?? 'UTC'),
  }))
  return (_, { listed, nowMs }) =>
    read
      .filter(({ from, to, minuteAt }) => {
        const now = minuteAt(nowMs)
        return from < to ? now >= from && now < to : now >= from || now < to
      })
      .map(({ price }) => reserveAt(price, listed.price))
      .reduce(lower, listed.price)
}

/** "22:30" in minutes. @throws StreamError `option-invalid` */
export function readClock(text: string): number {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (!match) throw new StreamError('option-invalid', `"${text.slice(0, 20)}" is not a time of the day such as 22:30`)
  return Number(match[1]) * 60 + Number(match[2])
}

const DAY_MS = 86_400_000

/** The minute of the day that the clocks of a zone show. @throws StreamError `option-invalid` */
export function clockOf(zone: string): (nowMs: number) => number {
  if (zone === 'UTC') return (nowMs) => Math.floor((((nowMs % DAY_MS) + DAY_MS) % DAY_MS) / 60_000)
  try {
    const clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    return (nowMs) => readClock(clock.format(nowMs))
  } catch (error) {
    throw new StreamError(
      'option-invalid',
      `"${zone.slice(0, 40)}" is not a time zone such as Europe/Berlin`,
      {},
      error,
    )
  }
}

/** The lowest of what several rules give: any reason is enough. */
export const lowestOf =
  (...rules: readonly ReserveRule[]): ReserveRule =>
  (bid, context) =>
    rules.map((rule) => rule(bid, context)).reduce(lower, context.listed.price)

/** The highest of what several rules give: all reasons are needed. */
export const highestOf =
  (...rules: readonly ReserveRule[]): ReserveRule =>
  (bid, context) =>
    rules
      .map((rule) => rule(bid, context))
      .reduce<Price | undefined>(
        (most, price) => (most && comparePrices(most, price) >= 0 ? most : price),
        undefined,
      ) ?? context.listed.price

/**
 * Takes any price at or above what a rule gives. Answers lower ones with a counter that comes down from the listed price in equal
 * steps, and reaches the rule's at the last round. Credit stays as listed.
 */
export const comeDownTo =
  (rule: ReserveRule): SellerPolicy =>
  (bid, context) => {
    const { listed, round, rounds } = context
    const lowest = lower(rule(bid, context), listed.price)
    const highEnough = comparePrices(bid.price, lowest) >= 0
    if (highEnough && withinCredit(bid, listed)) return { accept: bid }
    const price = highEnough ? bid.price : between(listed.price, lowest, round + 1, rounds)
    return { counter: counterAt(price, bid, listed) }
  }

/**
 * Comes down to one minimum, for everybody and at any time.
 * @example floor(parsePrice('700 msat/1k tokens'))
 */
export const floor = (minimum: Reserve): SellerPolicy => comeDownTo(always(minimum))

/** What a seller comes down to, as a whole. */
export interface Bargain {
  /** Never below. Where nothing else is given, every bid may come down to it. */
  readonly floor: Reserve
  /** Down to `price` for a bid whose smallest payment is at least `from`, in msat. Nothing for volume by default. */
  readonly volume?: Parameters<typeof byVolume>[0] | undefined
  /** Down to `price` while nothing is served, less far the more is, and not at all from `streams` requests at once on. Nothing for load by default. */
  readonly load?: Parameters<typeof byLoad>[0] | undefined
  /** Down to the price of the hours that it is. No hours by default. */
  readonly hours?: readonly Hours[] | undefined
}

/**
 * The rules of a bargain as one policy: the lowest of what volume, load and hours give, and never below the floor.
 * @throws StreamError `option-invalid`
 */
export function bargain({ floor: least, volume, load, hours }: Bargain): SellerPolicy {
  const rules = [
    ...(volume ? [byVolume(volume)] : []),
    ...(load ? [byLoad(load)] : []),
    ...(hours ? [byHours(hours)] : []),
  ]
  return comeDownTo(rules.length === 0 ? always(least) : highestOf(always(least), lowestOf(...rules)))
}

const lower = (a: Price, b: Price): Price => (comparePrices(a, b) <= 0 ? a : b)
