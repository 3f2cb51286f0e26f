import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import type { InvoiceRecord, LightningNode } from '../../lightning/node.ts'
import { createInvoice } from '../../lightning/verbs/verbs.ts'
import { formatMsat, parseMsat } from '../../money/msat.ts'
import { decodeInvoice } from '../../wire/bolt11.ts'
import { aborted, interruptSignal, unlessAborted } from '../interrupt.ts'
import { openNode } from '../node.ts'
import { jsonOption, nodeOption, readDuration } from '../options.ts'
import { bold, dim, green } from '../output/colour.ts'
import { createPipedOutput, type Output } from '../output/output.ts'
import { qrLines } from '../output/qr.ts'
import { reportError } from '../output/reportError.ts'
import { agoOrAhead } from '../output/span.ts'
import { fieldsOf, standing } from './words.ts'

interface CreateOptions {
  readonly description: string
  readonly expires: string
  readonly wait?: boolean
  readonly node: string
  readonly json?: boolean
}

const POLL_MS = 300

const HELP = `
An embedded node takes payments only while it runs: use --wait with it.

Examples:
  streampay invoice create "50 sat" --description tea --expires 10min --node home
  streampay invoice create any --description tips --wait
  streampay invoice create "1 sat" --json | jq -r .request`

export function createCommand(): Command {
  return new Command('create')
    .description('Make an invoice')
    .argument('<amount>', 'such as "50 sat", or "any", which leaves it to the payer')
    .option('--description <text>', 'what it is for, as the payer will read it', '')
    .option('--expires <time>', 'how long it can be paid', '1h')
    .option('--wait', 'stay until it is paid or has expired')
    .addOption(nodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (amount: string, options: CreateOptions) => {
      const output = createPipedOutput(options.json)
      process.exitCode = await create(amount, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function create(text: string, options: CreateOptions, output: Output): Promise<number> {
  const amount = text.trim() === 'any' ? 'any' : parseMsat(text)
  const expiresInSeconds = Math.floor(readDuration(options.expires) / 1000)
  const signal = interruptSignal()
  const node = await unlessAborted(openNode(options.node, 'seller'), signal)
  const { description } = options
  const { request, paymentHash } = await createInvoice(node, amount, { description, expiresInSeconds })
  const { network, expiresAtMs, createdAtMs, payee } = decodeInvoice(request)
  const asked = amount === 'any' ? {} : { amount }
  output.event('invoice', { request, paymentHash, ...asked, network, payee, description, createdAtMs, expiresAtMs })
  for (const line of qrLines(request)) output.say(line)
  const what = amount === 'any' ? 'any amount' : formatMsat(amount)
  output.say(`${bold(what)} on ${network}; expires ${agoOrAhead(expiresAtMs, Date.now())}`)
  output.print(request)
  output.say(dim(`payment hash ${paymentHash}`))
  const code = options.wait ? await untilPaid(node, paymentHash, signal, output) : 0
  await node.close()
  return code
}

/** Bounded by the invoice's own time. */
async function untilPaid(
  node: LightningNode,
  paymentHash: string,
  signal: AbortSignal,
  output: Output,
): Promise<number> {
  output.say('waiting; Ctrl-C leaves')
  for (;;) {
    const record = await unlessAborted(node.findInvoice(paymentHash), signal)
    if (record && record.status !== 'open') return tell(record, output)
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(timer.resolve, POLL_MS)
    await Promise.race([timer.promise, aborted(signal)])
    clearTimeout(timeout)
  }
}

function tell(record: InvoiceRecord, output: Output): number {
  if (record.status !== 'settled') {
    throw new StreamError('invoice-unpaid', `the invoice is ${standing(record, Date.now())}`, {
      paymentHash: record.paymentHash,
    })
  }
  output.event('settled', { ok: true, ...fieldsOf(record) })
  output.say(`${green('done ')} ${standing(record, Date.now())}`)
  return 0
}
