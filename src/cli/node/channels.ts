import { Command } from 'commander'
import { EXIT } from '../../errors/codes.ts'
import { formatMsat } from '../../money/msat.ts'
import type { Admin } from '../../nodectl/admin.ts'
import { blocksInWords } from '../../nodectl/blocks.ts'
import type { Channel, ChannelList, PendingChannel } from '../../nodectl/channels/channels.ts'
import { liquidityOf, receiveWords, sendWords, shortSat } from '../../nodectl/channels/liquidity.ts'
import { jsonOption } from '../options.ts'
import { bold, cyan, dim, green, yellow } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { type AdminOptions, networkInWords, withAdmin } from './admin.ts'
import { barOf, MARKS, type Part, widthOf } from './picture.ts'
import { adminNodeOption } from './spec.ts'

const HELP = `
Examples:
  streampay node channels --node alice
  streampay node channels --json`

export function channelsCommand(): Command {
  return new Command('channels')
    .description('Show the channels: what can be sent and received through each, and in all')
    .addOption(adminNodeOption())
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((options: AdminOptions) => withAdmin(options, () => {}, show))
}

async function show(admin: Admin, output: Output): Promise<number> {
  const { listChannels } = await import('../../nodectl/channels/channels.ts')
  const list = await listChannels(admin)
  const liquidity = liquidityOf(list)
  const words = { send: sendWords(liquidity), receive: receiveWords(liquidity) }
  output.event('channels', {
    network: admin.network,
    publicKey: admin.publicKey,
    ...list,
    liquidity: { ...liquidity, words },
  })
  output.say(`${bold(admin.alias || admin.publicKey)}, on ${networkInWords(admin.network)}`)
  for (const line of picture(list, admin)) output.print(line)
  output.say('')
  output.say(words.send)
  output.say(words.receive)
  return EXIT.ok
}

const MOST_CELLS = 40
const COLOURS: Readonly<Record<Part, (text: string) => string>> = {
  kept: dim,
  canSend: cyan,
  inFlight: yellow,
  canReceive: green,
  keptByPeer: dim,
}

function picture({ channels, pending }: ChannelList, admin: Admin): string[] {
  const largest = channels.reduce((most, { capacity }) => (capacity > most ? capacity : most), 0n)
  const sorted = channels.toSorted((a, b) => (a.capacity < b.capacity ? 1 : a.capacity > b.capacity ? -1 : 0))
  return [
    ...(channels.length > 0
      ? [
          dim(
            `  yours ${MARKS.canSend} can send   ${MARKS.canReceive} can receive   ${MARKS.kept} reserve   ${MARKS.inFlight} on its way   theirs`,
          ),
        ]
      : []),
    ...sorted.flatMap((channel) => channelLines(channel, largest)),
    ...pending.map((channel) => pendingLine(channel, admin)),
  ]
}

function channelLines(channel: Channel, largest: bigint): string[] {
  const { id, peer, alias, capacity, canSend, canReceive, active } = channel
  const bar = barOf(channel, widthOf(capacity, largest, MOST_CELLS), (part, text) => COLOURS[part](text))
  const state = [active ? '' : yellow('peer away'), channel.private ? 'private' : ''].filter(Boolean).join(', ')
  const reserves = `reserves ${shortSat(channel.localReserve)} and ${shortSat(channel.remoteReserve)}`
  return [
    `  ${bold(id)}  ${alias || peer.slice(0, 20)}  ${formatMsat(capacity)}  ${state}`.trimEnd(),
    `  ${bar}  send ${bold(shortSat(canSend))} · receive ${bold(shortSat(canReceive))} · ${dim(reserves)}`,
  ]
}

function pendingLine(channel: PendingChannel, { network }: Admin): string {
  const { state, peer, alias, capacity, blocksLeft, spendableIn } = channel
  const wait =
    state === 'opening'
      ? blocksLeft === undefined
        ? 'waits for a block'
        : `waits for ${blocksInWords(blocksLeft, network)}`
      : spendableIn === undefined
        ? 'waits for its transaction'
        : `${shortSat(channel.local)} can be spent in ${blocksInWords(Math.max(0, spendableIn), network)}`
  return `  ${yellow(state)}  ${alias || peer.slice(0, 20)}  ${formatMsat(capacity)}  ${dim(wait)}  ${dim(channel.outpoint.slice(0, 12))}`
}
