import { Command } from 'commander'
import { prepareKeysend, readPublicKey } from '../lightning/verbs/prepare.ts'
import { parseMsat } from '../money/msat.ts'
import { readDuration } from './options.ts'
import { createPipedOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { addPayingOptions } from './pay/options.ts'
import { send } from './pay/outcome.ts'

interface KeysendOptions {
  readonly node: string
  readonly maxFee?: string
  readonly timeout: string
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
For a gift, or between one's own nodes: there is no invoice, and so nothing that says what was paid for. The payee must take such
payments (LND: accept-keysend). Run twice it pays twice; cut off in its middle, \`streampay recover\` says how it ended.

Example:
  streampay keysend 02ab…cd "10 sat" --node home`

export function keysendCommand(): Command {
  const command = new Command('keysend')
    .description('Pay a node without an invoice')
    .argument('<public-key>', 'of the payee: 66 hex digits; an address behind it is left out')
    .argument('<amount>', 'such as "10 sat"')
  return addPayingOptions(command)
    .addHelpText('after', HELP)
    .action(async (publicKey: string, amount: string, options: KeysendOptions) => {
      const output = createPipedOutput(options.json)
      process.exitCode = await keysend(publicKey, amount, options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function keysend(publicKey: string, text: string, options: KeysendOptions, output: Output): Promise<number> {
  const payee = readPublicKey(publicKey)
  const amount = parseMsat(text)
  const { node, maxFee, timeout, yes } = options
  const limits = maxFee === undefined ? {} : { maxFee }
  const sending = { node, timeoutMs: readDuration(timeout), yes }
  return send((paying) => prepareKeysend(payee, amount, paying, limits), sending, output)
}
