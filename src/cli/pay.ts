import { Command } from 'commander'
import { prepareInvoice } from '../lightning/verbs/prepare.ts'
import { readInvoice } from '../lightning/verbs/verbs.ts'
import { readDuration } from './options.ts'
import { createPipedOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { addPayingOptions } from './pay/options.ts'
import { send } from './pay/outcome.ts'

interface PayOptions {
  readonly node: string
  readonly amount?: string
  readonly maxFee?: string
  readonly timeout: string
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
An invoice is paid once, however often this is run: one that was paid is told with its preimage, and one of which nothing is known
is asked after. Every payment is in \`streampay history\`, and under the limits of \`streampay budget\`.

An invoice of another network than the node's is refused, as is one that has expired or is the node's own. On mainnet it asks first.

Examples:
  streampay pay lnbc20m1… --node home
  streampay pay lightning:lnbcrt1… --amount "250 sat" --max-fee "2 sat"
  streampay pay "$INVOICE" --json | jq -r 'select(.event == "payment").preimage'`

export function payCommand(): Command {
  const command = new Command('pay')
    .description('Pay a Lightning invoice')
    .argument('<invoice>', 'BOLT 11, also as lightning:… or in a bitcoin: URI')
    .option('--amount <amount>', 'how much, where the invoice leaves it to you')
  return addPayingOptions(command)
    .addHelpText('after', HELP)
    .action(async (text: string, options: PayOptions) => {
      const output = createPipedOutput(options.json)
      process.exitCode = await pay(text, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function pay(text: string, options: PayOptions, output: Output): Promise<number> {
  // What is no invoice is found out before a node is opened.
  const invoice = readInvoice(text)
  const { node, amount, maxFee, timeout, yes } = options
  const limits = { ...(amount !== undefined && { amount }), ...(maxFee !== undefined && { maxFee }) }
  const sending = { node, timeoutMs: readDuration(timeout), yes }
  return send((paying) => prepareInvoice(invoice, paying, limits, Date.now()), sending, output)
}
