import { Command } from 'commander'
import { type AskedOption, askOptions, compareOptions, optionRecord, RISK } from '../buyer/offers/options.ts'
import { type Cost, priceExamples, priceRecord } from '../buyer/offers/price.ts'
import { formatMsat } from '../money/msat.ts'
import { formatAsked } from '../money/tariff.ts'
import type { Offer } from '../terms/terms.ts'
import { jsonOption, locationOption, readUrl } from './options.ts'
import { bold, dim } from './output/colour.ts'
import { escaped } from './output/escaped.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { readListing } from './price/listing.ts'

interface PriceOptions {
  readonly for?: string
  readonly request?: string
  readonly location?: boolean
  readonly list?: boolean
  readonly json?: boolean
}

export function priceCommand(): Command {
  return new Command('price')
    .description('Show what a URL asks, and what it would cost; spends nothing')
    .argument('<url>', 'what to ask about; http:// may be left out')
    .option('--for <use>', 'cost of this much use, such as "25 MiB", "90 s" or "3k tokens"')
    .option('-X, --request <method>', 'the HTTP method', 'GET')
    .addOption(locationOption())
    .option('--list', 'all that this seller says it sells, from its /openapi.json')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay price http://127.0.0.1:2402/film.mp4 --for "25 MiB"')
    .action(async (url: string, options: PriceOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await price(url, options, output).catch((error) => reportError(error, output))
    })
}

async function price(text: string, options: PriceOptions, output: Output): Promise<number> {
  const url = readUrl(text)
  if (options.list) return list(url, output)
  const redirects = options.location ? 'follow' : 'same-origin'
  const found = await askOptions(url, { method: options.request ?? 'GET', redirects })
  const { asked, skipped } = found ? compareOptions(found) : { asked: [], skipped: [] }
  const offer = found?.options.find((option) => option.scheme === 'stream')?.offer
  const costs = offer ? priceExamples(offer, options.for) : []
  const offers = asked.map(optionRecord)
  // What asks for no payment by use may ask for one all the same.
  const record = offer || asked.length === 0 ? priceRecord(url, offer, costs) : { url }
  output.event('price', { ...record, ...(offers.length > 0 && { offers }), ...(skipped.length > 0 && { skipped }) })
  if (offer) sayOffer(offer, costs, output)
  else output.say(`${url} asks for no payment by use`)
  if (asked.some(({ scheme }) => scheme !== 'stream')) for (const one of asked) output.say(optionLine(one))
  for (const { scheme, reason } of skipped) output.say(dim(`  ${escaped(scheme)} cannot be used: ${escaped(reason)}`))
  return 0
}

function sayOffer(offer: Offer, costs: readonly Cost[], output: Output): void {
  const { credit, smallestPayment, network, payee, negotiable } = offer
  output.say(`${bold(formatAsked(offer))}${negotiable ? '  (open to bids)' : ''}`)
  for (const [use, cost] of costs) output.say(`  ${use.padEnd(12)} ${formatMsat(cost)}`)
  output.say(
    dim(
      `  credit ${formatMsat(credit.start)} · payments from ${formatMsat(smallestPayment)} · ${network} · payee ${payee}`,
    ),
  )
}

/** "  session  1 sat/token        20 sat at once   at risk: …" */
function optionLine({ scheme, asks, ahead }: AskedOption): string {
  const price = asks === '?' ? 'not said for what' : asks
  const paid = ahead === undefined ? 'while it comes' : `${formatMsat(ahead)} at once`
  return `  ${bold(scheme.padEnd(8))} ${price.padEnd(20)} ${paid.padEnd(16)} ${dim(RISK[scheme])}`
}

/** The seller's own words: what something costs is told by asking for it. */
async function list(url: string, output: Output): Promise<number> {
  for (const { method, path, title, offers } of await readListing(url)) {
    output.event('sold', { method, path, title, offers })
    const asked = offers.map(({ description, amount, currency }) => description || `${amount ?? '?'} ${currency}`)
    output.print(`  ${bold(`${method} ${path}`)}  ${asked.join(' · ') || 'free'}  ${dim(title)}`)
  }
  return 0
}
