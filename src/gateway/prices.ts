import { StreamError, toStreamError } from '../errors/error.ts'
import { toMsat } from '../money/msat.ts'
import { type PriceSpec, readPriceSpec } from '../money/tariff.ts'
import type { RouteConfig } from './config/schema.ts'
import { currencyOf, inMsat } from './rates/fiat.ts'
import type { Rates } from './rates/rates.ts'
import { PLAY_SECOND, playSpec } from './video/playing.ts'

type Priced = Pick<RouteConfig, 'price' | 'credit' | 'description' | 'video' | 'qualities'>

/** What a route asks at the rates of now. */
export interface Asked {
  readonly price: PriceSpec
  readonly credit?: string
  /** With the rate and its time, where there is one. */
  readonly description?: string
}

/** The currencies that a route is priced in, besides bitcoin. */
export function currencies({ price, credit, qualities = [] }: Priced): string[] {
  const texts = typeof price === 'string' ? [price] : membersOf(price).map(([, text]) => text)
  const found = [...texts, credit, ...qualities.map((quality) => quality.price)].map((text) =>
    text === undefined ? undefined : currencyOf(text),
  )
  return [...new Set(found.filter((currency) => currency !== undefined))]
}

/**
 * The terms of a route; `undefined` where a rate is missing or too old to sell at.
 * @throws StreamError `price-invalid` where less than 1 msat is left of a price
 */
export function askedAt(route: Priced, rates: Rates): Asked | undefined {
  const fresh = currencies(route).map((currency) => [currency, rates.fresh(currency)] as const)
  if (fresh.some(([, rate]) => !rate)) return undefined
  const known = new Map(fresh)
  const turned = (text: string): string => {
    const rate = known.get(currencyOf(text) ?? '')
    return rate ? inMsat(text, rate.value) : text
  }
  const { price, credit, description } = route
  const own = currencies({ price: route.price, credit: route.credit })
  const told = fresh
    .filter(([currency]) => own.includes(currency))
    .map(([currency, rate]) => `at ${rate!.text} ${currency}/BTC as of ${new Date(rate!.atMs).toISOString()}`)
  const written =
    typeof price === 'string'
      ? price
      : membersOf(price)
          .map(([name, text]) => `${name} ${text}`)
          .join(', ')
  const words = [description, ...(told.length > 0 ? [`${written} ${told.join(', ')}`] : [])].filter(
    (text) => text !== undefined,
  )
  return {
    price:
      typeof price === 'string'
        ? turned(price)
        : Object.fromEntries(membersOf(price).map(([name, text]) => [name, turned(text)])),
    ...(credit !== undefined && { credit: turned(credit) }),
    ...(words.length > 0 && { description: words.join('; ') }),
  }
}

/**
 * Checks that a route can ask what it is to ask, before anything changes.
 * @throws StreamError `price-invalid`, `amount-invalid`, with the route's name
 */
export function checkTerms(name: string, route: Priced, rates: Rates): void {
  if (route.price === 'free') return
  try {
    const asked = askedAt(route, rates)
    if (!asked) return
    const spec = readPriceSpec(route.video === undefined ? asked.price : playSpec(asked.price))
    const unit = spec.tariff ? spec.tariff.output?.unit : spec.price.unit
    if (route.video !== undefined && unit !== undefined && unit !== PLAY_SECOND) {
      throw new StreamError(
        'price-invalid',
        'a video is sold by its playing time, such as "2 sat/s"; by other units sell it as a file or folder',
      )
    }
    for (const { price } of route.qualities ?? []) {
      if (price !== undefined) askedAt({ ...route, price }, rates)
    }
    toMsat(asked.credit ?? '0 sat')
  } catch (error) {
    const { code, message } = toStreamError(error)
    throw new StreamError(code, `route ${name}: ${message}`, {}, error)
  }
}

const membersOf = (price: Exclude<Priced['price'], string>): ReadonlyArray<readonly [string, string]> =>
  Object.entries(price).flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]))
