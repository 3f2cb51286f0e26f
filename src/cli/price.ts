import { Command } from 'commander'
import { createBuyer } from '../buyer/buyer.ts'
import { StreamError } from '../errors/error.ts'
import { formatMsat } from '../money/msat.ts'
import { costUp, type Price, parsePrice } from '../money/price.ts'
import { chargesOf, formatAsked, type Tariff, tariffBase } from '../money/tariff.ts'
import type { Offer } from '../terms/terms.ts'
import { encodeTariff } from '../wire/tariff.ts'
import { jsonOption, locationOption, readUrl } from './options.ts'
import { bold, dim } from './output/colour.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'

interface PriceOptions {
  readonly for?: string
  readonly request?: string
  readonly location?: boolean
  readonly json?: boolean
}

/** Amounts of use that say something to a person. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  byte: ['1 MiB', '100 MiB', '1 GiB'],
  second: ['1 s', '1 min', '1 hour'],
  'play-second': ['1 play-second', '1 play-min', '1 play-hour'],
  token: ['1k tokens', '100k tokens', '1M tokens'],
}

export function priceCommand(): Command {
  return new Command('price')
    .description('Show what a URL asks, and what it would cost; spends nothing')
    .argument('<url>', 'what to ask about; http:// may be left out')
    .option('--for <amount>', 'cost of this much use, such as "25 MiB", "90 s" or "3k tokens"')
    .option('-X, --request <method>', 'the HTTP method', 'GET')
    .addOption(locationOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay price http://127.0.0.1:2402/film.mp4 --for "25 MiB"')
    .action(async (url: string, options: PriceOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await price(url, options, output).catch((error) => reportError(error, output))
    })
}

async function price(text: string, options: PriceOptions, output: Output): Promise<number> {
  const url = readUrl(text)
  // Asking for a price needs no wallet; this one would refuse to be used.
  const none = () => Promise.reject(new StreamError('node-spec-invalid', 'asking for a price needs no node'))
  const redirects = options.location ? 'follow' : 'same-origin'
  const buyer = createBuyer({ node: { info: none } as never, max: '0 sat', redirects })
  const offer = await buyer.price(url, { method: options.request ?? 'GET' })
  if (!offer) {
    output.event('price', { url, free: true })
    output.say(`${url} asks for no payment by use`)
    return 0
  }
  const costs = examples(offer, options.for)
  const { price, tariff, credit, smallestPayment, network, payee, negotiable } = offer
  output.event('price', {
    url,
    price: formatAsked(offer),
    unit: price.unit,
    amount: `${price.msat}`,
    per: `${price.per}`,
    ...encodeTariff(tariff),
    credit: `${credit.start}`,
    smallestPayment: `${smallestPayment}`,
    negotiable,
    network,
    payee,
    costs: Object.fromEntries(costs.map(([use, cost]) => [use, `${cost}`])),
  })
  output.say(`${bold(formatAsked(offer))}${negotiable ? '  (open to bids)' : ''}`)
  for (const [use, cost] of costs) output.say(`  ${use.padEnd(12)} ${formatMsat(cost)}`)
  output.say(
    dim(
      `  credit ${formatMsat(credit.start)} · payments from ${formatMsat(smallestPayment)} · ${network} · payee ${payee}`,
    ),
  )
  return 0
}

function examples(offer: Offer, use: string | undefined): Array<readonly [string, bigint]> {
  const { price, tariff } = offer
  if (tariff) return tariffExamples(tariff, use)
  const uses = use === undefined ? (EXAMPLES[price.unit] ?? [`1 ${price.unit}`, `100 ${price.unit}s`]) : [use]
  return uses.map((text) => [text, costUp(price, stepsOf(text, price))] as const)
}

/** What a request costs at least, and of each charge what some of it costs. */
function tariffExamples(tariff: Tariff, use: string | undefined): Array<readonly [string, bigint]> {
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
