import { Command } from 'commander'
import { createBuyer } from '../buyer/buyer.ts'
import { StreamError } from '../errors/error.ts'
import { formatMsat } from '../money/msat.ts'
import { costUp, formatPrice, type Price, parsePrice } from '../money/price.ts'
import type { Offer } from '../terms/terms.ts'
import { jsonOption, readUrl } from './options.ts'
import { bold, dim } from './output/colour.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'

interface PriceOptions {
  readonly for?: string
  readonly request?: string
  readonly json?: boolean
}

/** Amounts of use that say something to a person. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  byte: ['1 MiB', '100 MiB', '1 GiB'],
  second: ['1 s', '1 min', '1 hour'],
  token: ['1k tokens', '100k tokens', '1M tokens'],
}

export function priceCommand(): Command {
  return new Command('price')
    .description('Show what a URL asks, and what it would cost; spends nothing')
    .argument('<url>', 'what to ask about; http:// may be left out')
    .option('--for <amount>', 'cost of this much use, such as "25 MiB", "90 s" or "3k tokens"')
    .option('-X, --request <method>', 'the HTTP method', 'GET')
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
  const buyer = createBuyer({ node: { info: none } as never, max: '0 sat' })
  const offer = await buyer.price(url, { method: options.request ?? 'GET' })
  if (!offer) {
    output.event('price', { url, free: true })
    output.say(`${url} asks for no payment by use`)
    return 0
  }
  const costs = examples(offer, options.for)
  const { price, credit, smallestPayment, network, payee, negotiable } = offer
  output.event('price', {
    url,
    price: formatPrice(price),
    unit: price.unit,
    amount: `${price.msat}`,
    per: `${price.per}`,
    credit: `${credit.start}`,
    smallestPayment: `${smallestPayment}`,
    negotiable,
    network,
    payee,
    costs: Object.fromEntries(costs.map(([use, cost]) => [use, `${cost}`])),
  })
  output.say(`${bold(formatPrice(price))}${negotiable ? '  (open to bids)' : ''}`)
  for (const [use, cost] of costs) output.say(`  ${use.padEnd(12)} ${formatMsat(cost)}`)
  output.say(
    dim(
      `  credit ${formatMsat(credit.start)} · payments from ${formatMsat(smallestPayment)} · ${network} · payee ${payee}`,
    ),
  )
  return 0
}

function examples(offer: Offer, use: string | undefined): Array<readonly [string, bigint]> {
  const { price } = offer
  const uses = use === undefined ? (EXAMPLES[price.unit] ?? [`1 ${price.unit}`, `100 ${price.unit}s`]) : [use]
  return uses.map((text) => [text, costUp(price, stepsOf(text, price))] as const)
}

/** "25 MiB" in steps, read by the grammar of prices. */
function stepsOf(text: string, price: Price): bigint {
  const { per, unit } = parsePrice(`1 msat/${text}`)
  if (unit !== price.unit)
    throw new StreamError('unit-mismatch', `this is sold by the ${price.unit}, not by the ${unit}`)
  return per
}
