import { Command } from 'commander'
import { EXIT } from '../../errors/codes.ts'
import type { Admin } from '../../nodectl/admin.ts'
import type { Peer } from '../../nodectl/peers/peers.ts'
import { type PeerName, parsePeer } from '../../nodectl/peers/peersText.ts'
import { PORT_WORDS, reachWords, TOR_WORDS } from '../../nodectl/peers/reachText.ts'
import { jsonOption } from '../options.ts'
import { bold, dim, green } from '../output/colour.ts'
import { formatUnits } from '../output/meter.ts'
import type { Output } from '../output/output.ts'
import { type AdminOptions, withAdmin } from './admin.ts'
import { adminNodeOption } from './spec.ts'

const HELP = `
Examples:
  streampay node peers --node alice
  streampay node peers --ports
  streampay node peers connect 02ab…@203.0.113.7:9735
  streampay node peers forget 02ab…`

export function peersCommand(): Command {
  const command = new Command('peers')
    .description('List the nodes that this one is connected with; connect or forget one')
    .addOption(adminNodeOption())
    .option('--ports', 'say when a port must be open, and whether this node can be reached')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((options: AdminOptions & { readonly ports?: boolean }) =>
      withAdmin(options, noOptions, (admin, output) => list(admin, options.ports === true, output)),
    )
  command
    .command('connect')
    .description('Connect with a node')
    .argument('<peer>', 'KEY@HOST:PORT')
    .addOption(adminNodeOption())
    .addOption(jsonOption())
    .action(onPeer(connect))
  command
    .command('forget')
    .description('End the connection with a node that has no channel with this one')
    .argument('<key>', '66 hex digits')
    .addOption(adminNodeOption())
    .addOption(jsonOption())
    .action(onPeer(forget))
  return command
}

const noOptions = (): void => {}

/** The action of a verb about one peer. */
const onPeer =
  (act: (admin: Admin, peer: PeerName, output: Output) => Promise<number>) =>
  (text: string, _: AdminOptions, verb: Command): Promise<void> =>
    withAdmin(
      verb.optsWithGlobals<AdminOptions>(),
      () => parsePeer(text),
      (admin, output, peer) => act(admin, peer, output),
    )

async function list(admin: Admin, ports: boolean, output: Output): Promise<number> {
  const [{ listPeers }, { readReach }] = await Promise.all([
    import('../../nodectl/peers/peers.ts'),
    import('../../nodectl/peers/reach.ts'),
  ])
  const [peers, reach] = await Promise.all([listPeers(admin), readReach(admin)])
  output.event('peers', {
    network: admin.network,
    publicKey: admin.publicKey,
    peers,
    reach: { ...reach, words: reachWords(reach) },
  })
  for (const peer of peers) output.print(lineOf(peer))
  if (peers.length === 0) output.say('no peer is connected; `streampay node peers connect KEY@HOST:PORT`')
  output.say('')
  for (const line of reachWords(reach)) output.say(line)
  for (const line of ports ? ['', ...PORT_WORDS, '', ...TOR_WORDS] : [dim('--ports says when a port must be open')])
    output.say(line)
  return EXIT.ok
}

function lineOf(peer: Peer): string {
  const ping = peer.pingMs === undefined ? 'no ping yet' : `ping ${peer.pingMs} ms`
  const bytes = `sent ${formatUnits(BigInt(peer.bytesSent), 'byte')}, received ${formatUnits(BigInt(peer.bytesReceived), 'byte')}`
  const since = peer.since === undefined ? '' : `, since ${peer.since.slice(0, 16).replace('T', ' ')}`
  const way = peer.inbound ? 'from' : 'at'
  return `  ${bold(peer.alias || 'no name')} ${dim(peer.publicKey)}\n    ${way} ${peer.address}, ${ping}, ${bytes}${since}`
}

async function connect(admin: Admin, peer: PeerName, output: Output): Promise<number> {
  const { connectPeer } = await import('../../nodectl/peers/peers.ts')
  const { already } = await connectPeer(admin, peer)
  output.event('connected', { ...peer, already })
  output.say(already ? 'connected already' : `${green('✓')} connected`)
  return EXIT.ok
}

async function forget(admin: Admin, { publicKey }: PeerName, output: Output): Promise<number> {
  const { forgetPeer } = await import('../../nodectl/peers/peers.ts')
  const { was } = await forgetPeer(admin, publicKey)
  output.event('forgotten', { publicKey, was })
  output.say(was ? `${green('✓')} disconnected` : 'it was not connected')
  return EXIT.ok
}
