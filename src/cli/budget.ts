import { Command } from 'commander'
import { type LimitRow, limitRecord, limitRows, readLimitChange } from '../buyer/journal/limitRows.ts'
import type { Journal } from '../ledger/index.ts'
import { LIMIT_NAMES, type LimitName } from '../ledger/limits.ts'
import { formatMsat } from '../money/msat.ts'
import { openUserJournal } from './journal.ts'
import { jsonOption } from './options.ts'
import { bold, dim, green, red, yellow } from './output/colour.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'

const EXAMPLES = `
Limits: request, agreement, host, day, fees, total. host, day and fees hold for any 24 hours; fees is for routing.
Payments without a known outcome count in full. All processes that share the journal share what is left.

Examples:
  streampay budget
  streampay budget set day "10 000 sat"
  streampay budget set host "500 sat" --at api.example.com
  streampay budget set day none`

export function budgetCommand(): Command {
  const command = new Command('budget')
    .description('Show what may be spent, and what was')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action((options: { readonly json?: boolean }) => run(options, show))
  command
    .command('set')
    .description('Set a limit, or take it away with "none"')
    .argument('<limit>', LIMIT_NAMES.join(', '))
    .argument('<amount>', 'such as "10 000 sat", or "none"')
    .option('--at <host>', 'for this host only, such as api.example.com:8443 (host)')
    .addOption(jsonOption())
    .action((limit: string, amount: string, options: { readonly at?: string }, set: Command) =>
      run(set.optsWithGlobals(), async (journal, output) => {
        const change = readLimitChange(limit, amount, options.at)
        await journal.setLimit(change.limit, change.amount, change.host)
        await show(journal, output)
      }),
    )
  return command
}

async function run(
  options: { readonly json?: boolean },
  work: (journal: Journal, output: Output) => Promise<void>,
): Promise<void> {
  const output = createOutput(options.json === true)
  try {
    const journal = openUserJournal()
    await work(journal, output).finally(() => journal.end())
  } catch (error) {
    process.exitCode = reportError(error, output)
  }
}

async function show(journal: Journal, output: Output): Promise<void> {
  const [limits, spending] = await Promise.all([journal.limits(), journal.spending()])
  const rows = limitRows(limits, spending)
  output.event('budget', { limits: rows.map(limitRecord) })
  for (const row of rows) output.print(line(row))
  if (limits.length === 0) output.print(dim('  no limit is set; every command has its own --max'))
}

const WHAT: Readonly<Record<LimitName, string>> = {
  request: 'a request',
  agreement: 'an agreement',
  host: 'a host, 24 h',
  day: 'all, 24 h',
  fees: 'routing, 24 h',
  total: 'in all',
}

function line({ limit, host, max, spent }: LimitRow): string {
  const name = host === undefined ? WHAT[limit] : `  ${host}`
  const most = max === undefined ? dim('no limit') : `of ${formatMsat(max)}`
  const used = spent === undefined ? '' : bold(formatMsat(spent))
  return `  ${name.padEnd(24)} ${used}${used ? ' ' : ''}${most}${mark(max, spent)}`
}

function mark(max: bigint | undefined, spent: bigint | undefined): string {
  if (max === undefined || spent === undefined) return ''
  const percent = max === 0n ? 100n : (spent * 100n) / max
  const paint = percent >= 100n ? red : percent >= 80n ? yellow : green
  return `  ${paint(`${percent} %`)}`
}
