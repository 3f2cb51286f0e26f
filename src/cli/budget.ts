import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import type { Journal } from '../ledger/index.ts'
import type { SpendingReport } from '../ledger/journal.ts'
import { type KeptLimit, LIMIT_NAMES, type LimitName } from '../ledger/limits.ts'
import { formatMsat, parseMsat } from '../money/msat.ts'
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
        await setLimit(journal, limit, amount, options.at)
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

async function setLimit(journal: Journal, name: string, amount: string, at: string | undefined): Promise<void> {
  const limit = LIMIT_NAMES.find((known) => known === name)
  if (!limit) throw new StreamError('option-invalid', `"${name}" is no limit; there are ${LIMIT_NAMES.join(', ')}`)
  if (at !== undefined && limit !== 'host') throw new StreamError('option-invalid', '--at goes with the limit host')
  await journal.setLimit(limit, amount === 'none' ? undefined : parseMsat(amount), at && readHost(at))
}

/** A host as it stands in an origin: without a scheme, and with its port only where that is not the scheme's own. */
function readHost(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
  if (!url?.host) throw new StreamError('option-invalid', `"${text}" is not a host such as api.example.com:8443`)
  return url.host
}

interface Row {
  readonly limit: LimitName
  readonly host?: string
  readonly max?: bigint
  /** Where it can be told: one request, or one agreement, is not looked up here. */
  readonly spent?: bigint
}

async function show(journal: Journal, output: Output): Promise<void> {
  const [limits, spending] = await Promise.all([journal.limits(), journal.spending()])
  const rows = rowsOf(limits, spending)
  output.event('budget', { limits: rows.map(toJson) })
  for (const row of rows) output.print(line(row))
  if (limits.length === 0) output.print(dim('  no limit is set; every command has its own --max'))
}

function rowsOf(limits: readonly KeptLimit[], { hosts, day, fees, total }: SpendingReport): Row[] {
  const spent: Partial<Record<LimitName, bigint>> = { day, fees, total }
  const general = LIMIT_NAMES.map((limit): Row => {
    const kept = limits.find(({ name, host }) => name === limit && host === undefined)
    return { limit, ...(kept && { max: kept.amount }), ...(spent[limit] !== undefined && { spent: spent[limit] }) }
  })
  const atAnyHost = general.find(({ limit }) => limit === 'host')?.max
  const named = new Set([...hosts.keys(), ...limits.flatMap(({ host }) => (host === undefined ? [] : [host]))])
  const own = [...named].sort().map((host): Row => {
    const max = limits.find((limit) => limit.host === host)?.amount ?? atAnyHost
    return { limit: 'host', host, ...(max !== undefined && { max }), spent: hosts.get(host) ?? 0n }
  })
  return general.flatMap((row) => (row.limit === 'host' ? [row, ...own] : [row]))
}

const toJson = ({ limit, host, max, spent }: Row): Record<string, string> => ({
  limit,
  ...(host !== undefined && { host }),
  ...(max !== undefined && { max: `${max}` }),
  ...(spent !== undefined && { spent: `${spent}` }),
})

const WHAT: Readonly<Record<LimitName, string>> = {
  request: 'a request',
  agreement: 'an agreement',
  host: 'a host, 24 h',
  day: 'all, 24 h',
  fees: 'routing, 24 h',
  total: 'in all',
}

function line({ limit, host, max, spent }: Row): string {
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
