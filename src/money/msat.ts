import { StreamError } from '../errors/error.ts'

declare const brand: unique symbol

/**
 * An amount of money in millisatoshi: a bigint between 0 and 21 million BTC. The only type for money in Stream.
 * Differences that may be negative are plain `bigint`; `msat()` is the one door back, and it checks.
 */
export type Msat = bigint & { readonly [brand]: 'msat' }

/** 21 million BTC, in msat. */
export const MAX_MSAT = 2_100_000_000_000_000_000n as Msat
export const ZERO = 0n as Msat

/**
 * Checks and brands.
 * @throws StreamError `amount-out-of-range`
 * @example msat(1500n)
 */
export function msat(value: bigint): Msat {
  if (value < 0n || value > MAX_MSAT) {
    throw new StreamError('amount-out-of-range', `${value} msat is not between 0 and 21 million BTC`)
  }
  return value as Msat
}

/** Whole satoshi as an amount. @example sat(20n) === msat(20000n) */
export const sat = (value: bigint | number): Msat => msat(BigInt(value) * 1000n)

/** `a - b`, never below zero. */
export const minus = (a: bigint, b: bigint): Msat => msat(a > b ? a - b : 0n)
export const min = (a: Msat, b: Msat): Msat => (a < b ? a : b)
export const max = (a: Msat, b: Msat): Msat => (a > b ? a : b)

const SCALE: Readonly<Record<string, bigint>> = { msat: 1n, sat: 1000n, sats: 1000n, btc: 100_000_000_000n }
const AMOUNT = /^(\d{1,3}(?:[ _]\d{3}){1,6}|\d{1,19})(?:\.(\d{1,11}))? ?(msat|sats?|btc)$/i

/**
 * Reads an amount as people write it: "10 sat", "10sat", "1 500 msat", "0.5 sat", "0.001 BTC". Groups have three digits.
 * @throws StreamError `amount-invalid` (also for a fraction of a msat), `amount-out-of-range`
 */
export function parseMsat(text: string): Msat {
  const match = AMOUNT.exec(text.trim())
  // a capital M is how people write a million: "5 Msat" must not become five thousandths of a sat
  if (!match || match[3]!.startsWith('M')) {
    throw new StreamError('amount-invalid', `"${text.slice(0, 60)}" is not an amount`)
  }
  const fraction = match[2] ?? ''
  const scaled = BigInt(match[1]!.replace(/[ _]/g, '') + fraction) * SCALE[match[3]!.toLowerCase()]!
  const divisor = 10n ** BigInt(fraction.length)
  if (scaled % divisor !== 0n) throw new StreamError('amount-invalid', `"${text}" is not a whole number of msat`)
  return msat(scaled / divisor)
}

/** An amount as an option takes it: as people write it, or as it is. @throws StreamError `amount-invalid`, `amount-out-of-range` */
export const toMsat = (amount: string | Msat): Msat => (typeof amount === 'string' ? parseMsat(amount) : amount)

/** Reads a decimal msat string as the wire carries it: digits only, no sign, no leading zero. @throws StreamError `amount-invalid` */
export function parseWireMsat(text: unknown): Msat {
  if (typeof text !== 'string' || !/^(0|[1-9]\d{0,18})$/.test(text)) {
    throw new StreamError('amount-invalid', 'an amount on the wire is a decimal string of msat')
  }
  return msat(BigInt(text))
}

/**
 * Prints an amount for people, exactly: sats in groups of three digits with up to three decimals, msat below 1 sat.
 * `parseMsat` reads it back to the same value.
 * @example formatMsat(msat(1_950_000_000n)) === '1 950 000 sat'
 */
export function formatMsat(amount: bigint): string {
  if (amount < 0n) return `-${formatMsat(-amount)}`
  if (amount > 0n && amount < 1000n) return `${amount} msat`
  const fraction = (amount % 1000n).toString().padStart(3, '0').replace(/0+$/, '')
  const whole = (amount / 1000n).toString().replace(/\B(?=(\d{3})+$)/g, ' ')
  return `${whole}${fraction && `.${fraction}`} sat`
}
