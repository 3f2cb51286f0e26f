import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { MAX_LISTED } from '../../lightning/node.ts'
import { openNode } from '../node.ts'
import { jsonOption, nodeOption } from '../options.ts'
import { createPipedOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { fieldsOf, lineOf } from './words.ts'

interface ListOptions {
  readonly limit: string
  readonly node: string
  readonly json?: boolean
}

const HELP = `
Example:
  streampay invoice list --limit 5 --node home`

export function listCommand(): Command {
  return new Command('list')
    .description("List the node's invoices and the keysends that arrived, newest first")
    .option('--limit <count>', `how many, at most ${MAX_LISTED}`, '20')
    .addOption(nodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (options: ListOptions) => {
      const output = createPipedOutput(options.json)
      process.exitCode = await list(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function list(options: ListOptions, output: Output): Promise<number> {
  const limit = /^\d{1,4}$/.test(options.limit) ? Number(options.limit) : 0
  if (limit < 1 || limit > MAX_LISTED) {
    throw new StreamError('option-invalid', `--limit takes a number from 1 to ${MAX_LISTED}, not "${options.limit}"`)
  }
  const node = await openNode(options.node, 'seller')
  const records = await node.listInvoices({ limit })
  await node.close()
  for (const record of records) output.event('invoice', fieldsOf(record))
  for (const record of records) output.print(lineOf(record))
  if (records.length === 0) output.say('this node has made no invoices')
  return 0
}
