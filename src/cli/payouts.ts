import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { StreamError } from '../errors/error.ts'
import { PayoutStore } from '../gateway/split/store.ts'
import { formatMsat, minus, ZERO } from '../money/msat.ts'
import { jsonOption } from './options.ts'
import { createOutput, type Output } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { stateHome } from './state.ts'

const LISTED = 20
/** Payouts are whole sats. */
const SAT = 1000n

export function payoutsCommand(): Command {
  return new Command('payouts')
    .description('What recipients of a split have earned, and what was paid out to them')
    .option('--pay-now <recipient>', 'has the running seller pay this recipient what it is owed, however little')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay payouts --pay-now creator')
    .action((options: { readonly payNow?: string; readonly json?: boolean }) => {
      const output = createOutput(options.json === true)
      try {
        process.exitCode = payouts(options.payNow, output)
      } catch (error) {
        process.exitCode = reportError(error, output)
      }
    })
}

function payouts(payNow: string | undefined, output: Output): number {
  const sellers = join(stateHome(), 'seller')
  const names = existsSync(sellers) ? readdirSync(sellers).sort() : []
  const files = names
    .map((name) => ({ name, file: join(sellers, name, 'payouts.db') }))
    .filter(({ file }) => existsSync(file))
  let asked = false
  for (const { name, file } of files) {
    const store = new PayoutStore(file)
    try {
      const standing = store.standings().find(({ recipient }) => recipient === payNow)
      if (payNow !== undefined && standing && !standing.kept && standing.earned - standing.paid >= SAT) {
        store.want(payNow)
        asked = true
      }
      show(name, store, output)
    } finally {
      store.close()
    }
  }
  if (payNow !== undefined && !asked) throw new StreamError('option-invalid', `no seller owes a sat to "${payNow}"`)
  if (files.length === 0) output.say('no seller of this machine splits what it earns')
  if (asked) output.say(`${payNow} is paid as soon as the seller runs`)
  return 0
}

function show(seller: string, store: PayoutStore, output: Output): void {
  for (const { recipient, earned, paid, kept } of store.standings()) {
    const owed = kept ? ZERO : minus(earned, paid)
    output.event('recipient', { seller, recipient, earned: `${earned}`, paid: `${paid}`, owed: `${owed}`, kept })
    const stands = kept ? 'kept by the seller' : `paid ${formatMsat(paid)} · owed ${formatMsat(owed)}`
    output.say(`${recipient.padEnd(16)} earned ${formatMsat(earned)} · ${stands}`)
  }
  for (const { recipient, amount, status, fee, attempts, failure, paymentHash, createdAtMs } of store.list(LISTED)) {
    const at = new Date(createdAtMs).toISOString()
    output.event('payout', {
      seller,
      recipient,
      amount: `${amount}`,
      fee: `${fee}`,
      status,
      attempts,
      failure,
      paymentHash,
      at,
    })
    output.say(
      `  ${at}  ${recipient}  ${formatMsat(amount)}  ${status}${failure && status !== 'settled' ? ` (${failure})` : ''}`,
    )
  }
}
