import { StreamError } from '../../errors/error.ts'
import { parseMsat } from '../../money/msat.ts'
import { parsePrice } from '../../money/price.ts'

/** An exact decimal: `digits / 10 ** scale`. */
export interface Decimal {
  readonly digits: bigint
  readonly scale: bigint
}

const MSAT_PER_BTC = 100_000_000_000n
const NUMBER = /^(\d{1,12})(?:\.(\d{1,9}))?$/
/** "0.002 USD", at the start of an amount or a price. BTC is bitcoin's own. */
const FIAT = /^(\d{1,12}(?:\.\d{1,9})?) ?((?!BTC)[A-Z]{3})(?= ?(?:$|\/|per\b))/

/** `undefined` for what is no plain decimal above zero. */
export function readDecimal(text: string): Decimal | undefined {
  const match = NUMBER.exec(text.trim())
  if (!match) return undefined
  const fraction = match[2] ?? ''
  const digits = BigInt(match[1]! + fraction)
  return digits === 0n ? undefined : { digits, scale: 10n ** BigInt(fraction.length) }
}

/** The currency of an amount or a price, if it is not bitcoin's. @example currencyOf('0.002 USD/1k tokens') === 'USD' */
export const currencyOf = (text: string): string | undefined => FIAT.exec(text.trim())?.[2]

/**
 * An amount or a price with its currency turned into msat, at `rate` of that currency for one bitcoin. Rounded down once, to a whole
 * msat: the seller rounds, so it loses.
 * @throws StreamError `price-invalid` where less than 1 msat is left
 * @example inMsat('0.002 USD/1k tokens', readDecimal('65000')!) === '3076 msat/1k tokens'
 */
export function inMsat(text: string, rate: Decimal): string {
  const trimmed = text.trim()
  const match = FIAT.exec(trimmed)
  const amount = match && readDecimal(match[1]!)
  if (!match || !amount) return trimmed
  const msat = (amount.digits * MSAT_PER_BTC * rate.scale) / (amount.scale * rate.digits)
  if (msat === 0n) {
    throw new StreamError('price-invalid', `"${trimmed.slice(0, 60)}" is less than 1 msat: price more units at once`)
  }
  return `${msat} msat${trimmed.slice(match[0].length)}`
}

const ANY_RATE: Decimal = { digits: 1n, scale: 1n }

/** @throws StreamError `price-invalid`, `amount-invalid` for what would be no price at any rate */
export const checkPrice = (text: string): void => void parsePrice(inMsat(text, ANY_RATE))
/** @throws StreamError `amount-invalid`, `amount-out-of-range` for what would be no amount at any rate */
export const checkMoney = (text: string): void => void parseMsat(inMsat(text, ANY_RATE))
