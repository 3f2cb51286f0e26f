import { Command } from 'commander'
import { agreementRecords, type HistoryRecord, paymentRecords } from '../buyer/journal/history.ts'
import { StreamError } from '../errors/error.ts'
import type { Journal } from '../ledger/index.ts'
import { formatMsat } from '../money/msat.ts'
import { toCsv } from './history/csv.ts'
import { openUserJournal } from './journal.ts'
import { jsonOption, readDuration } from './options.ts'
import { bold, dim, yellow } from './output/colour.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'

interface HistoryOptions {
  readonly payments?: boolean
  readonly since?: string
  readonly csv?: boolean
  readonly json?: boolean
}

const EXAMPLES = `
Examples:
  streampay history --since 24h
  streampay history --payments --csv > payments.csv`

export function historyCommand(): Command {
  return new Command('history')
    .description('Show what was bought, from whom, and what it cost')
    .option('--payments', 'every payment, and not one line for each agreement')
    .option('--since <time>', 'only the last so much time, such as 24h')
    .option('--csv', 'comma-separated on stdout, amounts in msat')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: HistoryOptions) => {
      const output = createOutput(options.json === true)
      try {
        if (options.csv && options.json) throw new StreamError('option-invalid', 'either --csv or --json')
        const sinceMs = options.since === undefined ? 0 : Date.now() - readDuration(options.since)
        const journal = openUserJournal()
        await history(journal, sinceMs, options, output).finally(() => journal.end())
      } catch (error) {
        process.exitCode = reportError(error, output)
      }
    })
}

async function history(journal: Journal, sinceMs: number, options: HistoryOptions, output: Output): Promise<void> {
  const records = await (options.payments ? paymentRecords(journal, sinceMs) : agreementRecords(journal, sinceMs))
  const kind = options.payments ? 'payment' : 'agreement'
  if (options.csv) {
    process.stdout.write(toCsv(records))
    return
  }
  for (const record of records) output.event(kind, { ...record })
  for (const record of records) output.print(line(record))
  if (records.length === 0) output.say('nothing was bought yet')
}

const line = (record: HistoryRecord): string =>
  `  ${dim(record.time.slice(0, 16).replace('T', ' '))}  ${record.status.padEnd(8)} ${bold(formatMsat(BigInt(record.amount)).padStart(14))}` +
  `${record.fee === '0' ? '' : ` + ${formatMsat(BigInt(record.fee))} of fees`}` +
  `${record.returned && record.returned !== '0' ? ` − ${formatMsat(BigInt(record.returned))} back` : ''}` +
  `  ${record.seller}  ${dim(record.agreement.slice(0, 16))}` +
  `${record.scheme === undefined || record.scheme === 'stream' ? '' : `  by ${record.scheme}`}` +
  `${record.fault ? `  ${yellow(record.fault)}` : ''}`
