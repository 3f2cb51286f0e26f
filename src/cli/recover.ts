import { Command } from 'commander'
import { type RecoveredAgreement, type RecoveredPayment, type Recovery, recover } from '../buyer/journal/recover.ts'
import { EXIT } from '../errors/codes.ts'
import { formatMsat } from '../money/msat.ts'
import { interruptSignal, unlessAborted } from './interrupt.ts'
import { openUserJournal } from './journal.ts'
import { openNode } from './node.ts'
import { jsonOption, nodeOption, readDuration } from './options.ts'
import { bold, dim, green, red, yellow } from './output/colour.ts'
import { plural } from './output/meter.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'

interface RecoverOptions {
  readonly node: string
  readonly close?: boolean
  readonly wait: string
  readonly json?: boolean
}

const EXAMPLES = `
Nothing is paid: it can be run at any time, and as often as one likes. What a running command holds is left alone.

Examples:
  streampay recover
  streampay recover --close            also closes what is open, and takes the balances back`

export function recoverCommand(): Command {
  return new Command('recover')
    .description('Take up what earlier runs left: payments without an outcome, returns, open agreements')
    .option('--close', 'close the agreements that are open, and take their balances back')
    .option('--wait <time>', 'how long to follow payments whose outcome the node does not know yet', '60s')
    .addOption(nodeOption())
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: RecoverOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await run(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function run({ node: spec, close = false, wait }: RecoverOptions, output: Output): Promise<number> {
  const withinMs = readDuration(wait)
  const signal = interruptSignal()
  const journal = openUserJournal()
  const opening = openNode(spec, 'buyer')
  const node = await unlessAborted(opening, signal)
  const recovery = await recover({ node, journal, close, withinMs, signal })
  await journal.end()
  await node.close()
  return tell(recovery, output)
}

function tell({ payments, agreements }: Recovery, output: Output): number {
  for (const recovered of payments) tellPayment(recovered, output)
  for (const recovered of agreements) tellAgreement(recovered, output)
  const count = (state: RecoveredPayment['now']) => payments.filter(({ now }) => now === state).length
  const [open, elsewhere] = [count('open'), count('elsewhere')]
  const failed = agreements.filter(({ now }) => now === 'failed').length
  const sums = { settled: count('settled'), failed: count('failed'), open, elsewhere, agreements: agreements.length }
  output.event('end', { ok: open + elsewhere + failed === 0, ...sums })
  const left = open + elsewhere > 0 ? yellow(`; ${open + elsewhere} still without an outcome, counted as spent`) : ''
  const followed = `${plural(payments.length, 'payment')} followed: ${sums.settled} settled, ${sums.failed} failed${left}`
  const parts = [
    ...(payments.length > 0 ? [followed] : []),
    ...(agreements.length > 0 ? [plural(agreements.length, 'agreement')] : []),
  ]
  output.say(`${green('done ')} ${parts.join('; ') || 'nothing was left behind'}`)
  if (open + elsewhere > 0) return EXIT.unknownOutcome
  return failed > 0 ? EXIT.seller : EXIT.ok
}

function tellPayment({ payment, now, fee }: RecoveredPayment, output: Output): void {
  const { paymentHash, agreementId, origin, amount, payer } = payment
  output.event('payment', { paymentHash, agreement: agreementId, origin, amount, fee, payer, status: now })
  const where = now === 'elsewhere' ? ` by the node ${payer.slice(0, 16)}…, which has to be asked: --node` : ''
  output.say(`  ${MARK[now]}  ${formatMsat(amount)} to ${origin}${where}  ${dim(paymentHash.slice(0, 16))}`)
}

function tellAgreement({ id, url, paid, now, returned, amount, error }: RecoveredAgreement, output: Output): void {
  const outcome = returned === undefined ? {} : { return: returned, returned: amount }
  const problem = error && { code: error.code, message: error.message, hint: error.hint }
  output.event('agreement', { agreement: id, url, paid, state: now, ...outcome, ...(problem && { error: problem }) })
  output.say(
    `  ${MARK[now]}  ${bold(url)}  ${formatMsat(paid)} paid${said(returned, formatMsat(amount))}  ${dim(id.slice(0, 16))}`,
  )
  if (now === 'open') output.say(dim('           the next purchase there takes it up; --close takes its balance back'))
  if (error) output.say(`           ${error.message} ${dim(`(${error.code})`)}`)
}

function said(returned: RecoveredAgreement['returned'], amount: string): string {
  if (returned === 'settled') return `, ${amount} came back`
  if (returned === 'pending') return `, ${amount} are on their way back`
  if (returned === 'failed') return `, ${amount} could not be paid back`
  return ''
}

const MARK = {
  settled: green('settled'),
  failed: red('failed '),
  open: yellow('open   '),
  elsewhere: yellow('unknown'),
  closed: green('closed '),
} as const
