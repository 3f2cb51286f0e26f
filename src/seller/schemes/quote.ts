import { StreamError } from '../../errors/error.ts'
import { type Msat, max, sat } from '../../money/msat.ts'
import { costUp, formatPrice, type Price } from '../../money/price.ts'
import { SCHEME_NAMES, type SchemeName } from '../../wire/challenges.ts'
import { DEPOSIT_UNITS } from '../../wire/mpp/session.ts'

/** @throws StreamError `option-invalid` */
export function checkSchemes(schemes: readonly SchemeName[]): readonly SchemeName[] {
  const wrong = schemes.length === 0 || new Set(schemes).size < schemes.length
  if (wrong || schemes.some((scheme) => !SCHEME_NAMES.includes(scheme))) {
    throw new StreamError('option-invalid', `schemes are some of ${SCHEME_NAMES.join(', ')}, each once`)
  }
  return schemes
}

/** A price in the whole sats that the field's schemes know. */
export interface Quote {
  /** What the invoice asks for: whole sats. What it buys is counted at the exact price. */
  readonly allowance: Msat
  /** The smallest count of units that costs whole sats: how much that is, and what it is called. */
  readonly unitAmount: Msat
  readonly unitType: string
}

/**
 * What an invoice of a 402 asks for, at an exact price. Rounded once, up to whole sats, and what that is more buys more: the agreement counts
 * every msat.
 * By default it is 20 units, or one request where requests are sold one by one under `charge`; in any case one step at least, and under `session` one unit.
 * @param price above zero
 */
export function quoteOf(price: Price, schemes: readonly SchemeName[], allowance: Msat | undefined): Quote {
  const times = 1000n / greatestCommonDivisor(price.msat, 1000n)
  const unitAmount = sat((price.msat * times) / 1000n)
  const oneStep = wholeSats(costUp(price, 1n))
  // A deposit pays for one unit at least (draft-lightning-session, "Deposit Amount").
  const least = schemes.includes('session') ? max(oneStep, unitAmount) : oneStep
  const oneRequest = price.unit === 'request' && schemes.includes('charge')
  const usual = oneRequest ? oneStep : sat((unitAmount / 1000n) * DEPOSIT_UNITS)
  return {
    allowance: max(least, allowance === undefined ? usual : wholeSats(allowance)),
    unitAmount,
    unitType: unitOf({ ...price, msat: 1n, per: price.per * times }),
  }
}

const wholeSats = (amount: bigint): Msat => sat((amount + 999n) / 1000n)

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b)
}

/** `formatPrice` without its amount; a tariff comes to money, and nothing else can be said of it in a word. */
const unitOf = (price: Price): string => (price.unit === 'msat' ? 'sat' : formatPrice(price).replace(/^.*?\//, ''))
