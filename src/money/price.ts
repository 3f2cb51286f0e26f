import { StreamError } from '../errors/error.ts'
import { formatMsat, MAX_MSAT, type Msat, msat, parseMsat } from './msat.ts'

/**
 * What is counted: `byte`, `second` (of processing), `play-second` (of playing time), `token`, `request`, or a name of the seller's
 * own (`[a-z][a-z0-9-]{0,31}`, and not an everyday name of these, such as `mb` or `min`). Seconds of both kinds are counted in
 * steps of a millisecond, every other unit in steps of one.
 */
export type Unit = 'byte' | 'second' | 'play-second' | 'token' | 'request' | (string & {})

/**
 * An exact price: `msat` for every `per` steps of its unit, kept as it was written and never a float.
 * "1 sat/1k tokens" is `{ msat: 1000n, per: 1000n, unit: 'token' }`; "10 sat/s" is `{ msat: 10000n, per: 1000n, unit: 'second' }`,
 * because seconds are counted in milliseconds.
 */
export interface Price {
  readonly msat: bigint
  readonly per: bigint
  readonly unit: Unit
}

/** The most steps that one price may name: enough for a petabyte, small enough that no product leaves exact arithmetic cheap. */
export const MAX_PER = 10n ** 15n
/** Steps that count as one unit when people write it. */
export const stepsPerUnit = (unit: Unit): bigint => (unit === 'second' || unit === 'play-second' ? 1000n : 1n)

interface Measure {
  readonly unit: Unit
  readonly steps: bigint
}
const KIB = 1024n
const measures: Readonly<Record<string, Measure>> = {
  b: { unit: 'byte', steps: 1n },
  byte: { unit: 'byte', steps: 1n },
  kb: { unit: 'byte', steps: 10n ** 3n },
  mb: { unit: 'byte', steps: 10n ** 6n },
  gb: { unit: 'byte', steps: 10n ** 9n },
  kib: { unit: 'byte', steps: KIB },
  mib: { unit: 'byte', steps: KIB ** 2n },
  gib: { unit: 'byte', steps: KIB ** 3n },
  ms: { unit: 'second', steps: 1n },
  s: { unit: 'second', steps: 1000n },
  sec: { unit: 'second', steps: 1000n },
  second: { unit: 'second', steps: 1000n },
  min: { unit: 'second', steps: 60_000n },
  minute: { unit: 'second', steps: 60_000n },
  h: { unit: 'second', steps: 3_600_000n },
  hour: { unit: 'second', steps: 3_600_000n },
  'play-ms': { unit: 'play-second', steps: 1n },
  'play-s': { unit: 'play-second', steps: 1000n },
  'play-sec': { unit: 'play-second', steps: 1000n },
  'play-second': { unit: 'play-second', steps: 1000n },
  'play-min': { unit: 'play-second', steps: 60_000n },
  'play-minute': { unit: 'play-second', steps: 60_000n },
  'play-h': { unit: 'play-second', steps: 3_600_000n },
  'play-hour': { unit: 'play-second', steps: 3_600_000n },
  tok: { unit: 'token', steps: 1n },
  token: { unit: 'token', steps: 1n },
  req: { unit: 'request', steps: 1n },
  request: { unit: 'request', steps: 1n },
  call: { unit: 'request', steps: 1n },
}
const MULTIPLES: Readonly<Record<string, bigint>> = { '': 1n, k: 10n ** 3n, m: 10n ** 6n }
const PRICE = /^(.{1,40}?) ?(?:\/|\bper\b) ?(?:(\d{1,16}) ?([kKmM])? )?([a-zA-Z][a-zA-Z0-9-]{0,32})$/
const COMPACT = /^(.{1,40}?) ?(?:\/|\bper\b) ?(\d{1,16})([a-zA-Z][a-zA-Z0-9-]{0,32})$/

/**
 * Reads a price as people write it.
 * @throws StreamError `price-invalid`, `amount-invalid`, `amount-out-of-range`
 * @example parsePrice('1 sat/1k tokens'), parsePrice('250 msat/s'), parsePrice('2 sat/MiB'), parsePrice('5 sat per image')
 */
export function parsePrice(text: string): Price {
  const trimmed = text.trim()
  const parts = PRICE.exec(trimmed) ?? splitCompact(trimmed)
  if (!parts) throw new StreamError('price-invalid', `"${text.slice(0, 60)}" is not a price`)
  const [, amount, count = '1', multiple = ''] = parts
  const name = parts[4]!.toLowerCase()
  const steps = BigInt(count) * MULTIPLES[multiple.toLowerCase()]!
  const measure = findMeasure(name) ?? { unit: singular(name, steps), steps: 1n }
  return price(parseMsat(amount!), steps * measure.steps, measure.unit)
}

/**
 * "10MiB", "5ms", "1ktokens": no space to say where the count ends. A known measure wins over a multiple, so that 5ms are
 * milliseconds and not five million seconds; a multiple counts only before a known measure.
 */
function splitCompact(text: string): Array<string | undefined> | undefined {
  const match = COMPACT.exec(text)
  if (!match) return undefined
  const [, amount, count] = match
  const name = match[3]!
  const rest = name.slice(1)
  const isMultiple = !findMeasure(name.toLowerCase()) && /^[km]/i.test(name) && findMeasure(rest.toLowerCase())
  return isMultiple ? [text, amount, count, name[0], rest] : [text, amount, count, '', name]
}

const findMeasure = (name: string): Measure | undefined =>
  own(measures, name) ?? (name.endsWith('s') ? own(measures, name.slice(0, -1)) : undefined)

/** "5 images" are counted in `image`; but "class" stays what it is. */
const singular = (name: string, steps: bigint): string => (steps > 1n && name.endsWith('s') ? name.slice(0, -1) : name)

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

/**
 * Makes a price from its parts, checked.
 * @throws StreamError `price-invalid`
 */
export function price(amount: bigint, per: bigint, unit: Unit): Price {
  if (amount < 0n || amount > MAX_MSAT)
    throw new StreamError('price-invalid', 'a price lies between 0 and 21 million BTC')
  if (per < 1n || per > MAX_PER)
    throw new StreamError('price-invalid', `a price is for 1 to ${MAX_PER} steps of its unit`)
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(unit))
    throw new StreamError('price-invalid', `"${unit.slice(0, 40)}" is not the name of a unit`)
  // a unit called "mb" would look like megabytes to a person, and count whatever its seller says; 5 "m" are printed as 5 ms
  const known = findMeasure(unit) ?? own(measures, `${unit}s`)
  if (known && known.unit !== unit)
    throw new StreamError('price-invalid', `"${unit}" is too close to a name for counting in ${known.unit}`)
  return { msat: amount, per, unit }
}

/** Prints a price as people write it; `parsePrice` reads it back to the same value. */
export function formatPrice({ msat: amount, per, unit }: Price): string {
  return `${formatMsat(amount)}/${formatSteps(per, unit)}`
}

const NAMES: Readonly<Record<string, ReadonlyArray<readonly [string, bigint]>>> = {
  byte: [
    ['GiB', KIB ** 3n],
    ['GB', 10n ** 9n],
    ['MiB', KIB ** 2n],
    ['MB', 10n ** 6n],
    ['KiB', KIB],
    ['kB', 1000n],
    ['byte', 1n],
  ],
  second: [
    ['hour', 3_600_000n],
    ['min', 60_000n],
    ['s', 1000n],
    ['ms', 1n],
  ],
  'play-second': [
    ['play-hour', 3_600_000n],
    ['play-min', 60_000n],
    ['play-second', 1000n],
    ['play-ms', 1n],
  ],
}
function formatSteps(per: bigint, unit: Unit): string {
  for (const [name, steps] of own(NAMES, unit) ?? []) {
    if (per % steps === 0n) return per === steps ? name : `${per / steps} ${name}`
  }
  if (per === 1n) return unit
  const [count, multiple] =
    per % 10n ** 6n === 0n ? [per / 10n ** 6n, 'M'] : per % 1000n === 0n ? [per / 1000n, 'k'] : [per, '']
  return `${count}${multiple} ${unit}s`
}

/**
 * What `steps` cost, rounded down: what a seller may charge, and what a buyer counts as received.
 * Rounding goes against whoever rounds, and only ever on the running total, so it is less than 1 msat an agreement.
 */
export const costDown = (p: Price, steps: bigint): Msat => msat((steps * p.msat) / p.per)

/** What `steps` cost, rounded up: what a seller must see covered before the last of them leaves. */
export const costUp = (p: Price, steps: bigint): Msat => msat((steps * p.msat + p.per - 1n) / p.per)

/** The most steps whose rounded-up cost is within `amount`; `undefined` for a price of zero, which has no limit. */
export const stepsFor = (p: Price, amount: bigint): bigint | undefined =>
  p.msat === 0n ? undefined : amount <= 0n ? 0n : (amount * p.per) / p.msat

/** Negative, zero or positive as `a` is below, at or above `b`, exactly. Both must be in the same unit. */
export function comparePrices(a: Price, b: Price): number {
  if (a.unit !== b.unit)
    throw new StreamError('unit-mismatch', `a price per ${a.unit} cannot be compared to one per ${b.unit}`)
  const difference = a.msat * b.per - b.msat * a.per
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}
