import { formatMsat } from '../../money/msat.ts'
import { formatPrice, type Price } from '../../money/price.ts'
import type { PriceSpec, Tariff } from '../../money/tariff.ts'

const MEMBERS = ['request', 'upload', 'input', 'output', 'minimum', 'extra'] as const
const MEMBER = new RegExp(`^(${MEMBERS.join('|')})\\b[ :]*(.*)$`)

/**
 * What a route costs in one line that `readPriceText` reads back.
 * @example '1 sat/MiB'
 * @example 'input 0.2 sat/1k tokens; output 1 sat/1k tokens; minimum 1 sat'
 */
export function writePriceText({
  price,
  tariff,
}: {
  readonly price: Price
  readonly tariff?: Tariff | undefined
}): string {
  if (!tariff) return formatPrice(price)
  return MEMBERS.flatMap((name) => {
    const charge = tariff[name]
    if (charge === undefined) return []
    return [`${name} ${typeof charge === 'bigint' ? formatMsat(charge) : formatPrice(charge)}`]
  }).join('; ')
}

/** A price as it is typed: what is wrong with it is said by who takes it. */
export function readPriceText(text: string): PriceSpec {
  const parts = text.split(';').flatMap((part) => part.trim() || [])
  const members = parts.map((part) => MEMBER.exec(part))
  if (members.length === 0 || members.some((member) => member === null)) return text
  return Object.fromEntries(members.map((member) => [member![1]!, member![2]!.trim()]))
}
