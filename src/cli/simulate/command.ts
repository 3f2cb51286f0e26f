import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { MAX_PER, parsePrice } from '../../money/price.ts'
import { MAX_OFFERS } from '../../terms/strategy.ts'
import { checkWritable } from '../get/body.ts'
import { jsonOption } from '../options.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { playPair, type Rules } from './play.ts'
import { BUYERS, readBuyer, readSeller, SELLERS } from './players.ts'
import { barsOf, recordOfPair, tableOf } from './report.ts'
import { svgOf } from './svg.ts'

interface SimulateOptions {
  readonly buyer?: readonly string[]
  readonly seller?: readonly string[]
  readonly games: string
  readonly sellers: string
  readonly requests: string
  readonly rounds: string
  readonly seed: string
  readonly price: string
  readonly plot?: string | true
  readonly json?: boolean
}

const MOST = { games: 1_000_000, sellers: 16, requests: 1000, rounds: MAX_OFFERS, seed: 2 ** 31 - 1 }
/** No more negotiations than some minutes' worth. */
const MOST_REQUESTS = 50_000_000
const PLOT_FILE = 'streampay-simulate.svg'

const EXAMPLES = `
Buyers:  ${BUYERS.join(', ')}; concede:40%,6 and your own file too,
         each with +compare (the cheapest of several sellers), +leave (and away when one is cheaper by 5 %), +pieces (of 5 sat)
Sellers: ${SELLERS.join(', ')}, or your own file

Examples:
  streampay simulate
  streampay simulate --buyer ./mine.mjs --buyer concede --seller floor --games 10000
  streampay simulate --plot gains.svg

What your own file exports, and what the numbers mean: docs/negotiation.md`

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Play buyers against sellers thousands of times, and show who gains what')
    .option('--buyer <kind>', 'how the buyer haggles; may be repeated. All by default', collect)
    .option('--seller <kind>', 'how the sellers answer; may be repeated. All by default', collect)
    .option('--games <count>', 'games of each pair', '1000')
    .option('--sellers <count>', 'sellers in a game', '3')
    .option('--requests <count>', 'requests in a game', '4')
    .option('--rounds <count>', 'bids that sellers hear', '4')
    .option('--price <price>', 'around which limits, floors and lists are drawn', '1 sat/1k tokens')
    .option('--seed <number>', 'the same seed plays the same games', '1')
    .option('--plot [file]', `bars on the terminal, and in an SVG file (${PLOT_FILE})`)
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: SimulateOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await simulate(options, output).catch((error) => reportError(error, output))
    })
}

const collect = (text: string, list: readonly string[] = []): readonly string[] => [...list, text]

async function simulate(options: SimulateOptions, output: Output): Promise<number> {
  const price = parsePrice(options.price)
  if (price.msat === 0n || price.per > MAX_PER / 1000n) {
    throw new StreamError('option-invalid', '--price is above zero, and for a billion units at most')
  }
  const whole = (name: keyof typeof MOST): number => readWhole(options[name], name, name === 'seed' ? 0 : 1, MOST[name])
  const rules: Rules = {
    ...{ price, games: whole('games'), sellers: whole('sellers'), requests: whole('requests') },
    ...{ rounds: whole('rounds'), seed: whole('seed') },
  }
  const file = options.plot === true ? PLOT_FILE : options.plot
  if (file !== undefined) checkWritable(file)
  const buyers = await Promise.all((options.buyer ?? BUYERS).map(readBuyer))
  const sellers = await Promise.all((options.seller ?? SELLERS).map(readSeller))
  if (rules.games * rules.requests * rules.sellers * buyers.length * sellers.length > MOST_REQUESTS) {
    throw new StreamError(
      'option-invalid',
      `more than ${MOST_REQUESTS} negotiations: fewer games, requests, sellers or kinds`,
    )
  }
  const { games, seed } = rules
  const pairs = buyers.flatMap((buyer) =>
    sellers.map((seller) => {
      const pair = recordOfPair(playPair(buyer, seller, rules))
      output.event('pair', { ...pair })
      return pair
    }),
  )
  for (const line of tableOf(pairs)) output.print(line)
  output.print(
    `\nGains and prices in per cent of ${options.price}, in the mean of a request; ${games} games a pair, seed ${seed}.`,
  )
  if (file !== undefined) {
    output.print('')
    for (const line of barsOf(pairs)) output.print(line)
    writeFileSync(file, svgOf(pairs, `Who gains what of ${options.price}: ${games} games a pair, seed ${seed}`))
    output.say(`wrote ${file}`)
  }
  for (const { buyer, seller, failed, failure } of pairs) {
    if (failed > 0) output.say(`${buyer} against ${seller} failed ${failed} times: ${failure}`)
  }
  const ok = pairs.every(({ outside }) => outside === 0)
  output.event('end', {
    ...{
      ok,
      price: options.price,
      games,
      sellers: rules.sellers,
      requests: rules.requests,
      rounds: rules.rounds,
      seed,
    },
    pairs,
  })
  return ok ? 0 : 1
}

function readWhole(text: string, name: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d{1,12}$/.test(text) && value >= least && value <= most) return value
  throw new StreamError('option-invalid', `--${name} is a whole number from ${least} to ${most}`)
}
