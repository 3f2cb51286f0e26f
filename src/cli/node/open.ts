import { join } from 'node:path'
import { Command } from 'commander'
import { EXIT } from '../../errors/codes.ts'
import { formatMsat, ZERO } from '../../money/msat.ts'
import type { Admin } from '../../nodectl/admin.ts'
import { blocksInWords } from '../../nodectl/blocks.ts'
import type { OpeningState } from '../../nodectl/channels/open.ts'
import { type ChannelWish, checkWish, type OpenCost } from '../../nodectl/channels/openCost.ts'
import { openRecords } from '../../nodectl/channels/openRecord.ts'
import { NETWORKS } from '../../nodectl/networks/networks.ts'
import { type PeerName, parsePeer, shortKey } from '../../nodectl/peers/peersText.ts'
import { confirmReal, yesOption } from '../confirm.ts'
import { interruptSignal } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { bold, dim, green } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { stateHome } from '../state.ts'
import { type AdminOptions, endOfWait, networkInWords, readChannelAmount, readWait, withAdmin } from './admin.ts'
import { adminNodeOption } from './spec.ts'

interface OpenCliOptions extends AdminOptions {
  readonly amount: string
  readonly push?: string
  readonly private?: boolean
  readonly another?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly wait: string | false
}

interface Prepared extends ChannelWish {
  readonly peer: PeerName
  readonly waitMs: number
}

/** The longest to look for what an earlier run may have begun. */
const PATIENCE_MS = 30_000

const HELP = `
Examples:
  streampay node open 02ab…@203.0.113.7:9735 --amount "1,000,000 sat" --dry-run
  streampay node open 02ab…@203.0.113.7:9735 --amount "1,000,000 sat"

Ctrl-C ends the watching; the channel goes on opening. Run again, the same command finds a channel that an earlier run began
and opens no second one; --another does.`

export function openCommand(): Command {
  return new Command('open')
    .description('Put coins of the wallet into a channel with a peer')
    .argument('<peer>', 'KEY@HOST:PORT, or KEY when it is connected')
    .requiredOption('--amount <amount>', 'the size of the channel, such as "1,000,000 sat"')
    .option('--push <amount>', 'of that, what the peer gets at once: a gift, so that you can receive')
    .option('--private', 'do not announce the channel to others')
    .option('--another', 'open one more, though one to this peer is opening or was just opened')
    .option('--dry-run', 'say what it costs and do nothing')
    .option('--wait <time>', 'the longest to watch', '2h')
    .option('--no-wait', 'end when its transaction is on its way')
    .addOption(yesOption())
    .addOption(adminNodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((text: string, options: OpenCliOptions) =>
      withAdmin(
        options,
        () => prepare(text, options),
        (admin, output, prepared) =>
          options.dryRun ? dryRun(admin, prepared, output) : open(admin, prepared, options, output),
      ),
    )
}

function prepare(text: string, options: OpenCliOptions): Prepared {
  const wish = {
    amount: readChannelAmount(options.amount),
    push: options.push === undefined ? ZERO : readChannelAmount(options.push),
    private: options.private === true,
  }
  checkWish(wish)
  return { ...wish, peer: parsePeer(text), waitMs: readWait(options.wait) }
}

async function dryRun(admin: Admin, { peer, waitMs: _, ...wish }: Prepared, output: Output): Promise<number> {
  const [{ estimateOpen }, { isConnected }] = await Promise.all([
    import('../../nodectl/channels/open.ts'),
    import('../../nodectl/peers/peers.ts'),
  ])
  const cost = await estimateOpen(admin, peer.publicKey, wish)
  const connected = await isConnected(admin.lnd, peer.publicKey)
  output.event('dry-run', { network: admin.network, peer: peer.publicKey, connected, ...cost })
  output.say(`on ${bold(networkInWords(admin.network))}; nothing was done`)
  for (const line of costLines(cost)) output.print(line)
  if (!connected)
    output.say(`the peer is not connected${peer.address ? '; it would be first' : ': give KEY@HOST:PORT'}`)
  output.say(dim('whether the peer wants the channel is known when it is asked; if it does not, nothing is spent'))
  return EXIT.ok
}

async function open(admin: Admin, prepared: Prepared, options: OpenCliOptions, output: Output): Promise<number> {
  const { peer, waitMs, amount, push } = prepared
  const { openChannel, watchOpening } = await import('../../nodectl/channels/open.ts')
  const { network } = admin
  const signal = interruptSignal()
  const records = openRecords(join(stateHome(), 'opens'))
  const confirm = async (cost: OpenCost): Promise<void> => {
    output.event('cost', { ...cost })
    for (const line of costLines(cost)) output.say(line)
    const gift = push > 0n ? `, give ${formatMsat(push)} of it to the peer` : ''
    const deed = `open a channel of ${formatMsat(amount)} with ${shortKey(peer.publicKey)}${gift}, for a fee of ${formatMsat(cost.fundingFee)}`
    await confirmReal(network, deed, options.yes, output)
  }
  const patienceMs = Math.min(PATIENCE_MS, waitMs)
  const { how, outpoint } = await openChannel(admin, {
    patienceMs,
    ...prepared,
    records,
    another: options.another === true,
    confirm,
    onAsking: () => output.event('asking', { peer: peer.publicKey, amount }),
    signal,
  })
  output.event('opening', { how, outpoint, peer: peer.publicKey, amount, network })
  if (how === 'done') output.say('an earlier run has opened this channel; --another opens one more')
  else
    output.say(`${how === 'found' ? 'found the channel that is opening' : 'the channel is opening'}  ${dim(outpoint)}`)
  const onChange = (state: OpeningState): void => {
    if (state.state === 'opening') output.event('confirming', { outpoint, blocksLeft: state.blocksLeft })
    output.live([progressLine(state, admin)])
  }
  const last = await watchOpening(admin, outpoint, { forMs: waitMs, signal, onChange })
  output.live([])
  if (last.state === 'open' && last.channel.active) {
    records.remove({ node: admin.publicKey, peer: peer.publicKey })
    const { id, canSend, canReceive } = last.channel
    output.event('open', { id, outpoint, peer: peer.publicKey, amount, canSend, canReceive })
    output.say(
      `${green('✓')} channel ${bold(id)} is open: you can send ${formatMsat(canSend)}, and receive ${formatMsat(canReceive)}`,
    )
    return EXIT.ok
  }
  return endOfWait(signal, waitMs, stateWords(last), output)
}

/** The channel goes on by itself, whoever watches. */
function stateWords(state: OpeningState): string {
  if (state.state === 'open') return 'the channel is on the chain, and its peer is not connected'
  if (state.state === 'gone') return 'LND lists this channel no more; `streampay node channels` shows what there is'
  return 'the channel goes on opening; `streampay node channels` shows it'
}

function progressLine(state: OpeningState, { network }: Admin): string {
  if (state.state !== 'opening') return dim(stateWords(state))
  const wait =
    state.blocksLeft === undefined
      ? 'waiting for the first block'
      : `waiting for ${blocksInWords(state.blocksLeft, network)}`
  const hint = NETWORKS[network].private ? '' : '; Ctrl-C ends the watching, not the channel'
  return dim(`${wait}${hint}`)
}

function costLines(cost: OpenCost): string[] {
  const row = (name: string, amount: bigint, why = ''): string =>
    `  ${name.padEnd(26)} ${bold(formatMsat(amount).padStart(16))}  ${dim(why)}`
  return [
    row('into the channel', cost.amount, 'yours, and comes back when it is closed'),
    row('fee on the chain, about', cost.fundingFee, `at ${cost.satPerVbyte} sat/vbyte`),
    row('leaves the wallet', cost.total),
    ...(cost.push > 0n ? [row('given to the peer', cost.push, 'a gift')] : []),
    row('reserve in the channel', cost.channelReserve, 'a hundredth, not to be spent while it is open'),
    row('set aside for its close', cost.closeReserve),
    row('stays in the wallet', cost.anchorReserve, 'LND keeps it to close its channels safely'),
    row('then you can send, about', cost.canSend),
    row('and receive', cost.canReceive),
  ]
}
