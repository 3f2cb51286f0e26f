import { Command } from 'commander'
import { EXIT } from '../../errors/codes.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Admin } from '../../nodectl/admin.ts'
import { blocksInWords } from '../../nodectl/blocks.ts'
import type { CloseOptions, ClosingState } from '../../nodectl/channels/close.ts'
import type { CloseCost } from '../../nodectl/channels/closePlan.ts'
import { confirmReal, yesOption } from '../confirm.ts'
import { interruptSignal } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { bold, dim, green } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { type AdminOptions, endOfWait, networkInWords, readWait, withAdmin } from './admin.ts'
import { adminNodeOption } from './spec.ts'

interface CloseCliOptions extends AdminOptions {
  readonly force?: boolean
  readonly to?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly wait: string | false
}

const HELP = `
Examples:
  streampay node close 457x1x0 --dry-run
  streampay node close 457x1x0 --to bc1q…
  streampay node close 457x1x0 --force

A channel is closed together with its peer: its money is in the wallet with the next block. --force closes it alone, for a
peer that does not come back. Ctrl-C ends the watching; the close goes on.`

export function closeCommand(): Command {
  return new Command('close')
    .description('Close a channel; its coins come back to the wallet')
    .argument('<channel>', 'its id, its funding output, or its peer')
    .option('--force', 'close it alone: dearer, and the money waits for hours or days')
    .option('--to <address>', "where your part goes, in place of the node's wallet")
    .option('--dry-run', 'say what it costs and when the money can be spent, and do nothing')
    .option('--wait <time>', 'the longest to watch', '2h')
    .option('--no-wait', 'end when LND has been asked')
    .addOption(yesOption())
    .addOption(adminNodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((channel: string, options: CloseCliOptions) => {
      const { force = false, to } = options
      const wish: CloseOptions = { channel, force, ...(to !== undefined && { to }) }
      return withAdmin(
        options,
        () => readWait(options.wait),
        (admin, output, waitMs) =>
          options.dryRun ? dryRun(admin, wish, output) : close(admin, wish, waitMs, options.yes, output),
      )
    })
}

async function dryRun(admin: Admin, wish: CloseOptions, output: Output): Promise<number> {
  const { estimateClose } = await import('../../nodectl/channels/close.ts')
  const { is, channel, cost } = await estimateClose(admin, wish)
  output.event('dry-run', {
    network: admin.network,
    state: is,
    outpoint: channel.outpoint,
    peer: channel.peer,
    ...cost,
  })
  output.say(`on ${bold(networkInWords(admin.network))}; nothing was done`)
  if (!cost) output.say(`this channel is ${is} already`)
  else for (const line of costLines(cost, admin)) output.print(line)
  return EXIT.ok
}

async function close(
  admin: Admin,
  wish: CloseOptions,
  waitMs: number,
  yes: boolean | undefined,
  output: Output,
): Promise<number> {
  const { closeChannel, closeTransactionOf, watchClosing } = await import('../../nodectl/channels/close.ts')
  const { network } = admin
  const signal = interruptSignal()
  const confirm = async (cost: CloseCost): Promise<void> => {
    output.event('cost', { ...cost })
    for (const line of costLines(cost, admin)) output.say(line)
    const where = wish.to === undefined ? 'to the wallet' : `to ${wish.to}`
    const deed = `close a channel${wish.force ? ' alone' : ''} that pays ${formatMsat(cost.returns)} ${where}`
    await confirmReal(network, deed, yes, output)
  }
  const { how, outpoint } = await closeChannel(admin, { ...wish, confirm, signal })
  output.event('closing', { how, outpoint, network })
  output.say(`${how === 'found' ? 'this channel is closing already' : 'the channel is closing'}  ${dim(outpoint)}`)
  const onChange = (state: ClosingState): void => {
    if (state.state === 'confirming')
      output.event('confirming', { outpoint, transaction: state.channel.closeTransaction })
    output.live([dim(stateWords(state, admin))])
  }
  const last = await watchClosing(admin, outpoint, { forMs: waitMs, signal, onChange })
  output.live([])
  if (last.state === 'closed') {
    output.event('closed', { outpoint, transaction: await closeTransactionOf(admin, outpoint) })
    output.say(`${green('✓')} ${stateWords(last, admin)}`)
    return EXIT.ok
  }
  if (last.state === 'waiting') {
    output.event('waiting', { outpoint, transaction: last.channel.closeTransaction, blocks: last.blocks })
    output.say(`${green('✓')} ${stateWords(last, admin)}`)
    return EXIT.ok
  }
  return endOfWait(signal, waitMs, stateWords(last, admin), output)
}

function stateWords(state: ClosingState, { network }: Admin): string {
  switch (state.state) {
    case 'agreeing':
      return 'the peer has not agreed to the close yet; LND goes on with it'
    case 'confirming':
      return 'the closing transaction waits for a block'
    case 'waiting':
      return `closed alone; ${formatMsat(state.channel.local)} can be spent in ${blocksInWords(Math.max(0, state.blocks), network)}, by itself: LND must run then`
    case 'closed':
      return 'the channel is closed, and its coins are where they belong'
  }
}

function costLines(cost: CloseCost, { network }: Admin): string[] {
  const row = (name: string, amount: bigint, why = ''): string =>
    `  ${name.padEnd(26)} ${bold(formatMsat(amount).padStart(16))}  ${dim(why)}`
  const when =
    cost.delayBlocks === undefined
      ? 'after a time that the peer has set'
      : cost.delayBlocks === 0
        ? 'with the block that confirms it'
        : `${blocksInWords(cost.delayBlocks, network)} after the block that confirms it`
  const rate = `at ${cost.satPerVbyte} sat/vbyte`
  return [
    row(
      'fee on the chain, about',
      cost.fee,
      cost.force ? 'set aside in the channel' : cost.fee === 0n ? 'the peer opened it, and pays' : rate,
    ),
    ...(cost.force ? [row('fetching it later, about', cost.sweepFee, rate)] : []),
    row('comes back, about', cost.returns),
    `  can be spent ${when}`,
  ]
}
