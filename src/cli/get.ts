import { Command } from 'commander'
import { createBuyer } from '../buyer/buyer.ts'
import type { SellerNews } from '../buyer/offers/sellers.ts'
import type { Closing } from '../buyer/trade/closing.ts'
import type { LimitUse } from '../ledger/limits.ts'
import { parseMsat } from '../money/msat.ts'
import { checkWritable, transfer } from './get/body.ts'
import { finish, tellOfSeller, warnOf } from './get/finish.ts'
import { type RequestOptions, requestInit } from './get/request.ts'
import { interruptSignal, unlessAborted } from './interrupt.ts'
import { openUserJournal } from './journal.ts'
import { openNode } from './node.ts'
import {
  aheadOption,
  jsonOption,
  locationOption,
  maxFeeOption,
  maxOption,
  maxPriceOption,
  maxRiskOption,
  nodeOption,
  readPercent,
  readPrices,
  readSchemes,
  readUrl,
  schemesOption,
} from './options.ts'
import { meterLine } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { recordOf } from './output/record.ts'
import { reportError } from './output/reportError.ts'
import { readStrategy, STRATEGIES } from './strategy.ts'

interface GetOptions extends RequestOptions {
  readonly output?: string
  readonly max: string
  readonly maxPrice?: string
  readonly strategy: string
  readonly also?: readonly string[]
  readonly ahead: string
  readonly maxRisk: string
  readonly schemes: string
  readonly maxFee: string
  readonly node: string
  readonly keep?: boolean
  readonly insecure?: boolean
  readonly location?: boolean
  readonly json?: boolean
}

const PROGRESS_MS = 200

const EXAMPLES = `
Examples:
  streampay get http://127.0.0.1:2402/film.mp4 -o film.mp4 --max "100 sat"
  streampay get http://127.0.0.1:2402/api/generate -d @prompt.json --max-price "2 sat/1k tokens"
  streampay get https://a.example/film.mp4 --also https://b.example/film.mp4 --max-price "2 sat/MiB" --strategy concede

Ctrl-C closes the agreement and takes back what was not used. The body goes to stdout, all else to stderr.`

export function getCommand(): Command {
  return new Command('get')
    .description('Fetch a URL and pay for it while it comes')
    .argument('<url>', 'what to fetch; http:// may be left out')
    .option('-o, --output <file>', 'write the body here instead of to stdout')
    .option('-d, --data <body>', 'send a body; @FILE reads it from a file. Makes it a POST')
    .option('-X, --request <method>', 'the HTTP method')
    .option('-H, --header <line>', 'a request header, "Name: value"; may be repeated', collect)
    .addOption(maxOption())
    .addOption(maxPriceOption())
    .option('--strategy <how>', `how to haggle: ${STRATEGIES}`, 'fixed')
    .option('--also <url>', 'the same at another seller; the cheapest is bought from. May be repeated', collect)
    .addOption(aheadOption())
    .addOption(maxRiskOption())
    .addOption(schemesOption())
    .addOption(maxFeeOption())
    .addOption(nodeOption())
    .addOption(locationOption())
    .option('--keep', 'leave the agreement open, with its balance')
    .option('--insecure', 'pay over plain http to another machine too')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (url: string, options: Omit<GetOptions, 'header'> & { readonly header?: readonly string[] }) => {
      const output = createOutput(options.json === true)
      const settings = { ...options, header: options.header ?? [] }
      process.exitCode = await get(url, settings, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

const collect = (line: string, lines: readonly string[] = []): readonly string[] => [...lines, line]

async function get(text: string, options: GetOptions, output: Output): Promise<number> {
  const url = readUrl(text)
  const request = requestInit(options)
  const max = parseMsat(options.max)
  const ahead = parseMsat(options.ahead)
  const maxRisk = parseMsat(options.maxRisk)
  const schemes = readSchemes(options.schemes)
  const maxPrice = options.maxPrice === undefined ? undefined : readPrices(options.maxPrice)
  const strategy = (await readStrategy(options.strategy))(maxPrice ?? [])
  const urls = options.also && [url, ...options.also.map(readUrl)]
  const maxFeePercent = readPercent(options.maxFee)
  const { output: file, keep = false, insecure = false } = options
  if (file !== undefined) checkWritable(file)
  const signal = interruptSignal(() => output.say('stopping: closing the agreement; Ctrl-C again leaves at once'))
  const journal = openUserJournal()
  const node = openNode(options.node, 'buyer')
  const redirects = options.location ? 'follow' : 'same-origin'
  const onLimitNear = (use: LimitUse) => warnOf(use, output)
  const limits = { max, ahead, maxRisk, schemes, maxFeePercent, strategy, ...(maxPrice && { maxPrice }) }
  const sellers = urls && { urls, onNews: (news: SellerNews) => tellOfSeller(news, output) }
  const buyer = createBuyer({ node, journal, insecure, redirects, onLimitNear, ...limits, ...(sellers && { sellers }) })
  // A body that goes to the terminal leaves no place for a line of progress.
  const quiet = file === undefined && process.stdout.isTTY
  const progress = setInterval(() => {
    const { trades } = buyer
    if (!quiet) output.live(trades.map((trade) => meterLine(trade, max)))
    for (const trade of trades) output.event('progress', { ...recordOf(trade) })
  }, PROGRESS_MS)
  let failure: unknown
  let closings: readonly Closing[] = []
  try {
    await unlessAborted(node, signal)
    await transfer(await buyer.fetch(sellers ? '' : url, { ...request, signal }), file, output)
  } catch (error) {
    failure = error
  }
  clearInterval(progress)
  output.live([])
  try {
    closings = await buyer.close({ keep })
  } catch (error) {
    failure ??= error
  }
  const code = finish(buyer, closings, failure, output)
  await journal.end()
  await (await unlessAborted(node, signal).catch(() => undefined))?.close()
  return code
}
