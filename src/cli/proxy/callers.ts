import { join } from 'node:path'
import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import type { CallerLimits } from '../../ledger/limits.ts'
import { formatMsat, type Msat, parseMsat } from '../../money/msat.ts'
import { formatPrice } from '../../money/price.ts'
import { Callers } from '../../proxy/callers.ts'
import { openUserJournal } from '../journal.ts'
import { jsonOption, readPrices } from '../options.ts'
import { bold, dim } from '../output/colour.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { stateFolder, stateHome } from '../state.ts'

interface AddOptions {
  readonly max?: string
  readonly perDay?: string
  readonly maxPrice?: string
  readonly ahead?: string
  readonly maxRisk?: string
  readonly host?: readonly string[]
}

export const callersFile = (): string => join(stateFolder(stateHome()), 'callers.json')

export function callersCommand(): Command {
  const command = new Command('callers').description('The programs that pay through the proxy, and what each may spend')
  command
    .command('add')
    .description('Make a caller, and show its token: this once')
    .argument('<name>', 'what it is called')
    .option('--max <amount>', 'the most it may ever spend, routing included')
    .option('--per-day <amount>', 'the most it may spend in any 24 hours')
    .option('--max-price <price>', 'the most it accepts for a unit, such as "2 sat/1k tokens, 1 sat/request"')
    .option('--ahead <amount>', 'the most to have paid for what has not come')
    .option('--max-risk <amount>', 'the most to pay in one piece to sellers that want to be paid first')
    .option(
      '--host <host[=amount]>',
      'where alone it may go, and how much it may spend there a day; may be repeated',
      collect,
    )
    .addOption(jsonOption())
    .action((name: string, options: AddOptions, set: Command) =>
      run(set.opts(), async (callers, output) => {
        const { token } = callers.add(name, limitsOf(options))
        output.event('caller', { name, token })
        output.print(token)
        output.say(dim(`  the token of ${name}: it is not shown again`))
      }),
    )
  command
    .command('list')
    .description('Show the callers, and what each spent')
    .addOption(jsonOption())
    .action((_options: unknown, list: Command) => run(list.opts(), show))
  command
    .command('remove')
    .description('Take a caller away: its token opens nothing any more, and nothing more is paid for it')
    .argument('<name>', 'what it is called')
    .addOption(jsonOption())
    .action((name: string, _options: unknown, remove: Command) =>
      run(remove.opts(), async (callers, output) => {
        if (!callers.remove(name)) throw new StreamError('option-invalid', `there is no caller ${name}`)
        output.event('removed', { name })
        output.say(`${name} is gone`)
      }),
    )
  return command
}

const collect = (host: string, hosts: readonly string[] = []): readonly string[] => [...hosts, host]

async function run(
  options: { readonly json?: boolean },
  work: (callers: Callers, output: Output) => Promise<void>,
): Promise<void> {
  const output = createOutput(options.json === true)
  try {
    await work(new Callers(callersFile()), output)
  } catch (error) {
    process.exitCode = reportError(error, output)
  }
}

async function show(callers: Callers, output: Output): Promise<void> {
  const journal = openUserJournal()
  try {
    for (const { name, limits, createdAtMs } of callers.list()) {
      const { total, day } = await journal.callerSpending(name)
      const { max, perDay, hosts } = limits
      output.event('caller', {
        name,
        createdAt: new Date(createdAtMs).toISOString(),
        max,
        perDay,
        hosts,
        spent: total,
        day,
      })
      output.print(
        `  ${bold(name)}  spent ${ofLimit(total, max)} · in a day ${ofLimit(day, perDay)}${hosts ? `  ${dim(Object.keys(hosts).join(', '))}` : ''}`,
      )
    }
    if (callers.list().length === 0) output.say('no caller yet: streampay proxy callers add NAME')
  } finally {
    await journal.end()
  }
}

const ofLimit = (spent: Msat, max: Msat | undefined): string =>
  max === undefined ? formatMsat(spent) : `${formatMsat(spent)} of ${formatMsat(max)}`

function limitsOf({ max, perDay, maxPrice, ahead, maxRisk, host }: AddOptions): CallerLimits {
  return {
    ...(max !== undefined && { max: parseMsat(max) }),
    ...(perDay !== undefined && { perDay: parseMsat(perDay) }),
    ...(maxPrice !== undefined && { maxPrice: readPrices(maxPrice).map(formatPrice).join(', ') }),
    ...(ahead !== undefined && { ahead: parseMsat(ahead) }),
    ...(maxRisk !== undefined && { maxRisk: parseMsat(maxRisk) }),
    ...(host && { hosts: Object.fromEntries(host.map(readHost)) }),
  }
}

/** `api.example.com:8443=100 sat`: a host as it stands in an origin, and what may be spent there. */
function readHost(text: string): readonly [string, Msat | null] {
  const [name = '', amount] = text.split('=', 2)
  const url = URL.parse(/^[a-z]+:\/\//i.test(name) ? name : `https://${name}`)
  if (!url?.host) throw new StreamError('option-invalid', `"${name}" is not a host such as api.example.com:8443`)
  return [url.host, amount === undefined ? null : parseMsat(amount)]
}
