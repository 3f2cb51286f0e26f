import { StreamError } from '../../errors/error.ts'
import { costUp, type Price, parsePrice } from '../../money/price.ts'
import { chargesOf, formatAsked, type Tariff, tariffBase } from '../../money/tariff.ts'
import type { Offer } from '../../terms/terms.ts'
import { encodeAsked } from '../../wire/asked.ts'
import { type BuyerOptions, createBuyer } from '../buyer.ts'

export interface AskOptions extends Pick<BuyerOptions, 'redirects' | 'fetch'> {
  readonly method: string
  /** Some prices depend on them. */
  readonly headers?: Headers
  readonly body?: string
  readonly signal?: AbortSignal
}

/** The offer of a URL; `undefined` if it answers without asking for payment. Spends nothing, and takes no wallet. */
export function askPrice(
  url: string,
  { method, headers, body, signal, ...options }: AskOptions,
): Promise<Offer | undefined> {
  // This node would refuse to be used.
  const none = () => Promise.reject(new StreamError('node-spec-invalid', 'asking for a price needs no node'))
  const buyer = createBuyer({ node: { info: none } as never, max: '0 sat', ...options })
  const asked = { ...(headers && { headers }), ...(body !== undefined && { body }), ...(signal && { signal }) }
  return buyer.price(url, { method, ...asked })
}

/** What so much of something costs, in msat. */
export type Cost = readonly [use: string, cost: bigint]

/** An offer under the names of its JSON; amounts in msat. */
export function priceRecord(
  url: string,
  offer: Offer | undefined,
  costs: readonly Cost[] = [],
): Readonly<Record<string, unknown>> {
  if (!offer) return { url, free: true }
  const { network, payee } = offer
  return {
    url,
    price: formatAsked(offer),
    ...encodeAsked(offer),
    network,
    payee,
    costs: Object.fromEntries(costs.map(([use, cost]) => [use, `${cost}`])),
  }
}

/** Amounts of use that say something to a person. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  byte: ['1 MiB', '100 MiB', '1 GiB'],
  second: ['1 s', '1 min', '1 hour'],
  'play-second': ['1 play-second', '1 play-min', '1 play-hour'],
  token: ['1k tokens', '100k tokens', '1M tokens'],
}

/**
 * What some amounts of use cost.
 * @param use such as "25 MiB"; without it, amounts that say something to a person
 * @throws StreamError `unit-mismatch`, `price-invalid`
 */
export function priceExamples(offer: Offer, use?: string): Cost[] {
  const { price, tariff } = offer
  if (tariff) return tariffExamples(tariff, use)
  const uses = use === undefined ? (EXAMPLES[price.unit] ?? [`1 ${price.unit}`, `100 ${price.unit}s`]) : [use]
  return uses.map((text) => [text, costUp(price, stepsOf(text, price))] as const)
}

/** What a request costs at least, and of each charge what some of it costs. */
function tariffExamples(tariff: Tariff, use: string | undefined): Cost[] {
  const charges = chargesOf(tariff).filter(([, { unit }]) => unit !== 'request')
  if (use === undefined) {
    const some = charges.map(([name, charge]) => {
      const text = EXAMPLES[charge.unit]?.[0] ?? `1 ${charge.unit}`
      return [`${text} ${name}`, costUp(charge, stepsOf(text, charge))] as const
    })
    return [['a request', tariffBase(tariff)], ...some]
  }
  const { per, unit } = parsePrice(`1 msat/${use}`)
  const fitting = charges.filter(([, charge]) => charge.unit === unit)
  if (fitting.length === 0) throw new StreamError('unit-mismatch', `nothing of this is sold by the ${unit}`)
  return fitting.map(([name, charge]) => [`${use} ${name}`, costUp(charge, per)] as const)
}

/** "25 MiB" in steps, read by the grammar of prices. */
function stepsOf(text: string, price: Price): bigint {
  const { per, unit } = parsePrice(`1 msat/${text}`)
  if (unit !== price.unit)
    throw new StreamError('unit-mismatch', `this is sold by the ${price.unit}, not by the ${unit}`)
  return per
}
