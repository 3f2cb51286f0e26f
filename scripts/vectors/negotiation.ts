import { sat } from '../../src/money/msat.ts'
import { formatPrice, parsePrice } from '../../src/money/price.ts'
import { between } from '../../src/terms/concede.ts'
import { creditAt, creditWithin } from '../../src/terms/credit.ts'
import { negotiate } from '../../src/terms/negotiate.ts'
import { fixed, type SellerPolicy, volume } from '../../src/terms/policy.ts'
import { floor } from '../../src/terms/reserve.ts'
import { acceptUpTo, type BuyerStrategy, bidFromTo } from '../../src/terms/strategy.ts'
import type { Credit, Terms } from '../../src/terms/terms.ts'
import { encodeTerms } from '../../src/wire/terms.ts'
import { offer } from '../../src/wire/testing/fixtures.ts'
import { plain, type Vectors } from './row.ts'

const at = (text: string) => parsePrice(`${text}/1k tokens`)
const POLICIES: Readonly<Record<string, SellerPolicy>> = {
  'fixed()': fixed(),
  'floor(600 msat/1k tokens)': floor(at('600 msat')),
  'volume(from 10 sat: 900 msat/1k tokens)': volume([{ from: sat(10), price: at('900 msat') }]),
}
const STRATEGIES: Readonly<Record<string, BuyerStrategy>> = {
  'acceptUpTo(1 sat/1k tokens)': acceptUpTo([at('1 sat')]),
  'acceptUpTo(999 msat/1k tokens)': acceptUpTo([at('999 msat')]),
  'acceptUpTo(1 sat/MiB)': acceptUpTo([parsePrice('1 sat/MiB')]),
  'bidFromTo(400, 700 msat/1k tokens, 4)': bidFromTo(at('400 msat'), at('700 msat'), 4),
  'bidFromTo(100, 500 msat/1k tokens, 4)': bidFromTo(at('100 msat'), at('500 msat'), 4),
  'bidFromTo(100, 500 msat/1k tokens, 8)': bidFromTo(at('100 msat'), at('500 msat'), 8),
}
const credit = (start: number, max: number, ramp: bigint): Credit => ({ start: sat(start), max: sat(max), ramp })
const CREDITS = [credit(0, 0, 0n), credit(5, 5, 0n), credit(0, 10, 4n), credit(0, 10, 8n), credit(1, 99, 0n)]
const WAYS: ReadonlyArray<readonly [string, string, number]> = [
  ['1 sat/1k tokens', '600 msat/1k tokens', 4],
  ['1 sat/1k tokens', '1 sat/3k tokens', 3],
  ['10 sat/GiB', '1 sat/GB', 2],
]
const short = ({ price }: Terms): string => formatPrice(price)

export const negotiation = (): Vectors => ({
  about:
    'Haggling (section 6): the built-in policies against the built-in strategies, credit, and steps between prices.',
  offer: encodeTerms(offer),
  rounds: 4,
  games: Object.entries(POLICIES).flatMap(([seller, policy]) =>
    Object.entries(STRATEGIES).map(([buyer, strategy]) => {
      const { offers, bids, ...end } = negotiate(policy, strategy, offer, 4)
      const result = 'agreed' in end ? { agreed: short(end.agreed) } : end
      return { seller, buyer, offers: offers.map(short), bids: bids.map(short), ...result }
    }),
  ),
  creditAt: CREDITS.flatMap((any) =>
    [0, 8, 1000].map((paid) => plain({ credit: any, paid: sat(paid), is: creditAt(any, sat(paid)) })),
  ),
  creditWithin: CREDITS.flatMap((a) => CREDITS.map((b) => plain({ a, b, within: creditWithin(a, b) }))),
  between: WAYS.map(([from, to, steps]) => ({
    from,
    to,
    way: Array.from({ length: steps + 1 }, (_, step) => plain(between(parsePrice(from), parsePrice(to), step, steps))),
  })),
})
