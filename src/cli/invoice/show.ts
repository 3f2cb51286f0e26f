import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { readInvoice } from '../../lightning/verbs/verbs.ts'
import { openNode } from '../node.ts'
import { jsonOption, nodeOption } from '../options.ts'
import { bold, dim } from '../output/colour.ts'
import { escaped } from '../output/escaped.ts'
import { createPipedOutput, type Output } from '../output/output.ts'
import { qrLines } from '../output/qr.ts'
import { reportError } from '../output/reportError.ts'
import { askedFor, fieldsOf, standing } from './words.ts'

interface ShowOptions {
  readonly node: string
  readonly json?: boolean
}

const HELP = `
Example:
  streampay invoice show 5f3a…9c --node home`

export function showCommand(): Command {
  return new Command('show')
    .description("Show one of the node's invoices, and whether it was paid")
    .argument('<invoice>', 'the invoice, or its payment hash')
    .addOption(nodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (text: string, options: ShowOptions) => {
      const output = createPipedOutput(options.json)
      process.exitCode = await show(text, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

/** A payment hash, or that of an invoice. @throws StreamError `invoice-invalid` */
export function hashIn(text: string): string {
  const trimmed = text.trim()
  return /^[0-9a-f]{64}$/i.test(trimmed) ? trimmed.toLowerCase() : readInvoice(trimmed).paymentHash
}

async function show(text: string, options: ShowOptions, output: Output): Promise<number> {
  const paymentHash = hashIn(text)
  const node = await openNode(options.node, 'seller')
  const record = await node.findInvoice(paymentHash)
  await node.close()
  if (!record) throw new StreamError('invoice-unknown', `this node has no invoice of ${paymentHash}`, { paymentHash })
  output.event('invoice', fieldsOf(record))
  if (record.status === 'open') for (const line of qrLines(record.request)) output.say(line)
  const what = record.description === '' ? '' : ` for "${escaped(record.description)}"`
  output.say(`${bold(askedFor(record))}${what}: ${standing(record, Date.now())}`)
  if (record.request !== '') output.print(record.request)
  output.say(dim(`payment hash ${paymentHash}`))
  return 0
}
