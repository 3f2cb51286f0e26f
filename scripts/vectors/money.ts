import { formatMsat, MAX_MSAT, parseMsat, parseWireMsat } from '../../src/money/msat.ts'
import {
  comparePrices,
  costDown,
  costUp,
  formatPrice,
  MAX_PER,
  parsePrice,
  price,
  stepsFor,
} from '../../src/money/price.ts'
import { plain, refusals, type Vectors } from './row.ts'

const AMOUNTS = [
  '0 sat',
  '10 sat',
  '10sat',
  '10 SATS',
  '1 500 msat',
  '1_500_000 msat',
  '0.5 sat',
  '0.001 BTC',
  '21000000 btc',
]
const PRINTED = [0n, 1n, 999n, 1000n, 1500n, 1001n, 12_345_678n, 1_950_000_000n, MAX_MSAT]
const PRICES = [
  '1 sat/1k tokens',
  '1 sat per 1M tokens',
  '250 msat/s',
  '10 sat/min',
  '1 sat/5ms',
  '2 sat/MiB',
  '1 sat/10kB',
  '2 sat/request',
  '2 sat/play-second',
  '1 sat/5 play-min',
  '5 sat per image',
  '5 sat per 3 images',
  '0 sat/byte',
]
const COSTS: ReadonlyArray<readonly [string, bigint]> = [
  ['1 sat/1k tokens', 0n],
  ['1 sat/1k tokens', 1n],
  ['1 sat/3 tokens', 1n],
  ['1 sat/3 tokens', 2n],
  ['1 sat/3 tokens', 3n],
  ['1 msat/GiB', 1_073_741_823n],
  ['7 msat/8 tokens', 1_000_003n],
  ['10 sat/s', 1n],
]
const COVERED: ReadonlyArray<readonly [string, bigint]> = [
  ['1 sat/3 tokens', 0n],
  ['1 sat/3 tokens', 333n],
  ['1 sat/3 tokens', 334n],
  ['1 sat/3 tokens', 1000n],
  ['7 msat/8 tokens', 1_000_000n],
]
const PAIRS: ReadonlyArray<readonly [string, string]> = [
  ['1 sat/1k tokens', '1 msat/token'],
  ['1 sat/3 tokens', '333 msat/token'],
  ['1 sat/3 tokens', '334 msat/token'],
  ['1 sat/MiB', '1 sat/MB'],
]

export const money = (): Vectors => ({
  about:
    'Amounts and prices as people write them, amounts as the wire carries them, and what steps cost. Amounts are msat.',
  amounts: AMOUNTS.map((input) => ({ input, msat: `${parseMsat(input)}` })),
  amountsRefused: refusals(
    {
      'no unit': '10',
      'a sign': '-1 sat',
      'an exponent': '1e3 sat',
      'a comma': '1,5 sat',
      'half a msat': '0.5 msat',
      'a group of two digits': '1 00 sat',
      'a million or a thousandth': '5 Msat',
      'more than all bitcoin': '21000001 BTC',
    },
    parseMsat,
  ),
  amountsPrinted: PRINTED.map((amount) => ({ msat: `${amount}`, text: formatMsat(amount) })),
  wireAmounts: ['0', '1', `${MAX_MSAT}`].map((input) => ({ input, msat: `${parseWireMsat(input)}` })),
  wireAmountsRefused: refusals<unknown>(
    {
      empty: '',
      'a leading zero': '01',
      'a sign': '-1',
      'a point': '1.0',
      'a number': 1,
      'more than all bitcoin': `${MAX_MSAT + 1n}`,
      'twenty digits': '10000000000000000000',
    },
    parseWireMsat,
  ),
  prices: PRICES.map((input) => {
    const { msat, per, unit } = parsePrice(input)
    return { input, amount: `${msat}`, per: `${per}`, unitType: unit, printed: formatPrice({ msat, per, unit }) }
  }),
  pricesRefused: refusals(
    {
      'no unit': '1 sat',
      'no steps': '1 sat/0 tokens',
      'part of a step': '1 sat/1.5 tokens',
      'too many steps': `1 sat/${MAX_PER + 1n} tokens`,
      'no amount': '1 apple/token',
    },
    parsePrice,
  ),
  unitsRefused: refusals({ capitals: 'Token', 'a measure of another unit': 'mb', 'a plural': 'bytes' }, (unit) =>
    price(1n, 1n, unit),
  ),
  costs: COSTS.map(([text, steps]) => {
    const p = parsePrice(text)
    return plain({ price: text, steps, charged: costDown(p, steps), covered: costUp(p, steps) })
  }),
  stepsCovered: COVERED.map(([text, amount]) =>
    plain({ price: text, amount, steps: stepsFor(parsePrice(text), amount) }),
  ),
  comparisons: PAIRS.map(([a, b]) => ({ a, b, order: comparePrices(parsePrice(a), parsePrice(b)) })),
})
