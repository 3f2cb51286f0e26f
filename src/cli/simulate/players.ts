import { StreamError } from '../../errors/error.ts'
import { sat } from '../../money/msat.ts'
import type { Price } from '../../money/price.ts'
import { fixed, type SellerPolicy } from '../../terms/policy.ts'
import { bargain } from '../../terms/reserve.ts'
import { inPieces } from '../../terms/strategy.ts'
import { importMaker, readStrategy, STRATEGIES, type StrategyMaker } from '../strategy.ts'
import { BUSY } from './draw.ts'

/** How a buyer goes about several sellers: to the first only, to the cheapest, or to the cheapest again and again. */
export type Going = 'first' | 'compare' | 'leave'

export interface BuyerKind {
  readonly name: string
  readonly going: Going
  readonly make: StrategyMaker
}

/** What a seller knows of itself. */
export interface Stand {
  readonly floor: Price
  readonly listed: Price
}

/** Makes a policy for a seller that stands so. The default export of a module of one's own. */
export type PolicyMaker = (stand: Stand) => SellerPolicy

export interface SellerKind {
  readonly name: string
  /** Whether it hears bids. */
  readonly negotiable: boolean
  readonly make: PolicyMaker
}

export const BUYERS = ['fixed', 'concede', 'compare', 'leave', 'concede+compare', 'concede+leave', 'concede+pieces']
export const SELLERS = ['fixed', 'floor', 'volume', 'load', 'hours']

const PIECES = sat(5)
const MODIFIERS: readonly string[] = ['compare', 'leave', 'pieces']

/** @throws StreamError `option-invalid` */
export async function readBuyer(text: string): Promise<BuyerKind> {
  const words = text.split('+')
  const modifiers = words.filter((word) => MODIFIERS.includes(word))
  const own = words.filter((word) => !MODIFIERS.includes(word))
  if (own.length > 1 || (modifiers.includes('compare') && modifiers.includes('leave'))) {
    throw new StreamError(
      'option-invalid',
      `"${text.slice(0, 60)}" is no buyer: one of ${STRATEGIES}, and +compare, +leave or +pieces`,
    )
  }
  const strategy = await readStrategy(own[0] ?? 'fixed')
  return {
    name: text,
    going: modifiers.includes('leave') ? 'leave' : modifiers.includes('compare') ? 'compare' : 'first',
    make: modifiers.includes('pieces') ? (limits) => inPieces(PIECES, strategy(limits)) : strategy,
  }
}

const POLICIES: Readonly<Record<string, PolicyMaker>> = {
  fixed: () => fixed(),
  floor: ({ floor }) => bargain({ floor }),
  volume: ({ floor }) => bargain({ floor, volume: [{ from: PIECES, price: floor }] }),
  load: ({ floor }) => bargain({ floor, load: { streams: BUSY, price: floor } }),
  hours: ({ floor }) => bargain({ floor, hours: [{ from: '22:00', to: '06:00', price: floor }] }),
}

/** @throws StreamError `option-invalid` */
export async function readSeller(text: string): Promise<SellerKind> {
  if (text.endsWith('.mjs')) {
    const make = await importMaker<PolicyMaker>(text, 'a function of { floor, listed } that returns a policy')
    return { name: text, negotiable: true, make }
  }
  const make = Object.hasOwn(POLICIES, text) ? POLICIES[text] : undefined
  if (!make) {
    throw new StreamError(
      'option-invalid',
      `"${text.slice(0, 60)}" is no seller: ${SELLERS.join(', ')}, or the file of your own (.mjs)`,
    )
  }
  return { name: text, negotiable: text !== 'fixed', make }
}
