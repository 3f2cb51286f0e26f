import { StreamError } from '../errors/error.ts'
import { formatMsat, MAX_MSAT, type Msat, msat, toMsat } from './msat.ts'
import { comparePrices, formatPrice, type Price, parsePrice, price, type Unit } from './price.ts'

/**
 * What an answer costs when more than one thing is counted. Each charge is rounded down on its running total within a request
 * (spec section 1.1); amounts in msat.
 */
export interface Tariff {
  /** Flat, for each answered request. */
  readonly request?: Msat
  /** By the byte of the request's body. */
  readonly upload?: Price
  /** By the token of the prompt: as the answer's usage says, and one for every four bytes of the request's body where it says nothing. */
  readonly input?: Price
  /** By `byte`, `token`, `second`, `play-second` or a unit of the seller's own: of the answer. */
  readonly output?: Price
  /** An answered request costs at least this. */
  readonly minimum?: Msat
  /** The most that the seller may add to a request by its own word. */
  readonly extra?: Msat
}

/** A tariff as people write it. @example { input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' } */
export interface TariffText {
  readonly request?: string | Msat
  readonly upload?: string | Price
  readonly input?: string | Price
  readonly output?: string | Price
  readonly minimum?: string | Msat
  readonly extra?: string | Msat
}

/** What something costs: a price, or a tariff of several. */
export type PriceSpec = string | Price | Tariff | TariffText

/** What one request counted. All in steps of their unit; `extra` in msat. */
export interface Counts {
  readonly upload: bigint
  readonly input: bigint
  readonly output: bigint
  readonly extra: bigint
}

export const NO_COUNTS: Counts = { upload: 0n, input: 0n, output: 0n, extra: 0n }

/** Under a tariff one step is one msat of what it comes to. */
export const PER_MSAT: Price = { msat: 1n, per: 1n, unit: 'msat' }

const PRICES = ['upload', 'input', 'output'] as const
const AMOUNTS = ['request', 'minimum', 'extra'] as const
const MEMBERS: ReadonlySet<string> = new Set([...PRICES, ...AMOUNTS])
/** Of a request or an answer whole: neither is a thing that grows while it comes. */
const FLAT: ReadonlySet<Unit> = new Set(['request', 'msat'])

/**
 * Reads what something costs. A plain price stays what it is; several charges are counted in msat, by the tariff.
 * @throws StreamError `price-invalid`, `amount-invalid`, `amount-out-of-range`
 * @example readPriceSpec('1 sat/MiB').price
 * @example readPriceSpec({ input: '0.2 sat/1k tokens', output: '1 sat/1k tokens', minimum: '1 sat' }).tariff
 */
export function readPriceSpec(spec: PriceSpec): { readonly price: Price; readonly tariff?: Tariff } {
  if (typeof spec === 'string') return { price: parsePrice(spec) }
  if ('per' in spec) return { price: price(spec.msat, spec.per, spec.unit) }
  const unknown = Object.keys(spec).find((name) => !MEMBERS.has(name))
  if (unknown !== undefined) {
    throw new StreamError('price-invalid', `a tariff has ${[...MEMBERS].join(', ')}, and no "${unknown.slice(0, 40)}"`)
  }
  const read: Record<string, Price | Msat> = {}
  for (const name of PRICES) {
    const value = spec[name]
    if (value !== undefined) read[name] = typeof value === 'string' ? parsePrice(value) : value
  }
  for (const name of AMOUNTS) {
    const value = spec[name]
    if (value !== undefined) read[name] = toMsat(value)
  }
  return { price: PER_MSAT, tariff: checkTariff(read as Tariff) }
}

/**
 * Checks a tariff from anywhere: units where they belong, numbers within their bounds, and something to pay for.
 * @throws StreamError `price-invalid`, `amount-out-of-range`
 */
export function checkTariff(tariff: Tariff): Tariff {
  for (const name of PRICES) {
    const charge = tariff[name]
    if (charge) checkUnit(name, price(charge.msat, charge.per, charge.unit))
  }
  for (const name of AMOUNTS) if (tariff[name] !== undefined) msat(tariff[name])
  const charges = [...PRICES.map((name) => tariff[name]?.msat), ...AMOUNTS.map((name) => tariff[name])]
  if (!charges.some((amount) => amount !== undefined && amount > 0n)) {
    throw new StreamError('price-invalid', 'a tariff charges for something')
  }
  return tariff
}

function checkUnit(name: (typeof PRICES)[number], { unit }: Price): void {
  const fits = name === 'upload' ? unit === 'byte' : name === 'input' ? unit === 'token' : !FLAT.has(unit)
  if (fits) return
  const wanted = {
    upload: 'is priced by the byte',
    input: 'is priced by the token',
    output: 'is priced by what it counts',
  }
  throw new StreamError('price-invalid', `${name} ${wanted[name]}, not by the ${unit}`)
}

/**
 * What a request comes to so far, in msat: each charge rounded down on its total, and never less than the minimum. Seller and
 * buyer both run this on what they counted.
 */
export function tariffCost(tariff: Tariff, counts: Counts): Msat {
  const sum = tariffSum(tariff, counts)
  const least = tariff.minimum ?? 0n
  // Counts are whatever was sent: what passes all the money there is stays at that.
  return msat(sum < least ? least : sum < MAX_MSAT ? sum : MAX_MSAT)
}

/** The sum of the charges alone, whatever the minimum is. */
export function tariffSum(tariff: Tariff, counts: Counts): bigint {
  let sum: bigint = (tariff.request ?? 0n) + counts.extra
  for (const name of PRICES) {
    const charge = tariff[name]
    if (charge) sum += (counts[name] * charge.msat) / charge.per
  }
  return sum
}

/** What is owed for any answer, before anything of it was counted. */
export const tariffBase = (tariff: Tariff): Msat => tariffCost(tariff, NO_COUNTS)

/** The charges of a tariff as prices, each with what it is for: `extra` and `minimum` are for a request. */
export function chargesOf(tariff: Tariff): ReadonlyArray<readonly [name: keyof Tariff, price: Price]> {
  const flat = AMOUNTS.flatMap((name) => {
    const amount = tariff[name]
    return amount === undefined ? [] : [[name, { msat: amount, per: 1n, unit: 'request' }] as const]
  })
  return [...PRICES.flatMap((name) => (tariff[name] ? [[name, tariff[name]] as const] : [])), ...flat]
}

/** Whether `a` costs no more than `b` for anything that either counts. */
export function tariffWithin(a: Tariff, b: Tariff): boolean {
  const prices = PRICES.every((name) => {
    const [own, other] = [a[name], b[name]]
    if (own === undefined || own.msat === 0n) return own === undefined || other === undefined || own.unit === other.unit
    return other !== undefined && own.unit === other.unit && comparePrices(own, other) <= 0
  })
  return prices && AMOUNTS.every((name) => (a[name] ?? 0n) <= (b[name] ?? 0n))
}

/** Whether two tariffs are the same, as rationals: 2 msat for 2 steps are 1 msat for 1. */
export const sameTariff = (a: Tariff | undefined, b: Tariff | undefined): boolean =>
  a === b ||
  (a !== undefined && b !== undefined && tariffWithin(a, b) && tariffWithin(b, a) && a.output?.unit === b.output?.unit)

/**
 * A tariff for people, in one line.
 * @example '0.2 sat/1k input tokens + 1 sat/1k output tokens, at least 1 sat/request'
 */
export function formatTariff(tariff: Tariff): string {
  const { request, upload, input, output, minimum, extra } = tariff
  const charges = [
    ...(request === undefined ? [] : [`${formatMsat(request)}/request`]),
    ...(upload ? [named(upload, 'uploaded')] : []),
    ...(input ? [named(input, 'input')] : []),
    ...(output ? [input && output.unit === 'token' ? named(output, 'output') : formatPrice(output)] : []),
  ]
  const bounds = [
    ...(minimum === undefined ? [] : [`at least ${formatMsat(minimum)}/request`]),
    ...(extra === undefined ? [] : [`up to ${formatMsat(extra)}/request more as the seller says`]),
  ]
  return [charges.join(' + '), ...bounds].filter((part) => part !== '').join(', ')
}

/** What is asked, for people: the price, or the tariff where there is one. */
export const formatAsked = ({
  price,
  tariff,
}: {
  readonly price: Price
  readonly tariff?: Tariff | undefined
}): string => (tariff ? formatTariff(tariff) : formatPrice(price))

/** "1 sat/1k tokens" becomes "1 sat/1k input tokens". */
function named(charge: Price, word: string): string {
  const text = formatPrice(charge)
  const at = Math.max(text.lastIndexOf(' '), text.lastIndexOf('/')) + 1
  return `${text.slice(0, at)}${word} ${text.slice(at)}`
}
