import { Command } from 'commander'
import { readInvoice } from '../lightning/verbs/verbs.ts'
import { inWords } from './decode/words.ts'
import { jsonOption } from './options.ts'
import { createPipedOutput } from './output/output.ts'
import { reportError } from './output/reportError.ts'

const HELP = `
Needs no node and asks nobody. The signature is checked; that the payee can be reached is not.

Examples:
  streampay decode lnbc20m1…
  streampay decode "$INVOICE" --json | jq .expiresAtMs`

export function decodeCommand(): Command {
  return new Command('decode')
    .description('Say what is in an invoice, of any network')
    .argument('<invoice>', 'BOLT 11, also as lightning:… or in a bitcoin: URI')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((text: string, options: { readonly json?: boolean }) => {
      const output = createPipedOutput(options.json)
      try {
        const invoice = readInvoice(text)
        output.event('invoice', { ...invoice, expired: invoice.expiresAtMs <= Date.now() })
        for (const line of inWords(invoice, Date.now())) output.print(line)
      } catch (error) {
        process.exitCode = reportError(error, output)
      }
    })
}
