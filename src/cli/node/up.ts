import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { hasWallet } from '../../nodectl/managed/files.ts'
import { listManaged, type ManagedNode, nodeFolder } from '../../nodectl/managed/record.ts'
import { nodeStatus } from '../../nodectl/managed/status.ts'
import { nodeUp, type UpStep } from '../../nodectl/managed/up.ts'
import type { KeepSeed } from '../../nodectl/managed/wallet.ts'
import { NETWORK_NAMES, NETWORKS } from '../../nodectl/networks/networks.ts'
import { interruptSignal } from '../interrupt.ts'
import { jsonOption, readDuration, readPort } from '../options.ts'
import { bold, dim } from '../output/colour.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { stateHome } from '../state.ts'
import { readBtcd } from './btcd.ts'
import { chooseNode } from './name.ts'
import { showSeed } from './seed.ts'
import { statusRecord } from './status.ts'
import { followSync } from './sync.ts'

interface UpCommandOptions {
  readonly name?: string
  readonly network?: Network
  readonly backend?: ManagedNode['backend']
  readonly chainPeer?: readonly string[]
  readonly offline?: boolean
  readonly btcd?: string
  readonly lnd?: string
  readonly seedFile?: string
  readonly rpcPort?: string
  readonly peerPort?: string
  readonly wait: string
  readonly yes?: boolean
  readonly json?: boolean
}

const HELP = `
Examples:
  streampay node up                              a light client on this machine's private chain (regtest, see \`streampay lab\`)
  streampay node up --network signet             a light client that finds its peers by itself
  streampay node up --name alice                 start it again, after a restart of the machine
  streampay node up --network mainnet --chain-peer mynode.local:8333

The wallet's seed, 24 words, is shown once, before the wallet is made of it; three of the words are then asked for. Where nobody
can be asked, on a public network, --seed-file takes them. Its password lies beside the wallet, for LND to open it after a restart.`

export function upCommand(): Command {
  return new Command('up')
    .description('Make a Lightning node, or start one that there is: configuration, wallet, LND')
    .option('--name <name>', 'what it is called: the name of its network where there is none')
    .addOption(new Option('--network <network>', 'of a new node (default: regtest)').choices([...NETWORK_NAMES]))
    .addOption(new Option('--backend <kind>', 'of a new node: a light client by default').choices(['neutrino', 'btcd']))
    .option('--chain-peer <host:port...>', 'the Bitcoin nodes that a light client asks, and no others')
    .option('--offline', 'talk to nobody: no peers, no chain')
    .option('--btcd <dir[@host:port]>', "for --backend btcd: btcd's own directory, and where its RPC listens")
    .option('--lnd <path>', 'the lnd to run; found on the PATH or built when absent')
    .option('--seed-file <file>', "a new file for the wallet's seed; readable by you alone")
    .option('--rpc-port <port>', 'where gRPC listens on this machine; found and kept when absent')
    .option('--peer-port <port>', 'where peers connect; found and kept when absent')
    .option('--wait <time>', 'how long to follow the sync; the node goes on by itself', '10min')
    .option('--yes', 'show the seed and do not ask for its words')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (options: UpCommandOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await up(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function up(options: UpCommandOptions, output: Output): Promise<number> {
  const home = stateHome()
  const waitMs = readDuration(options.wait)
  const nodes = listManaged(home)
  const name = nameOf(options, nodes)
  const known = nodes.find((node) => node.name === name)
  const network = known?.network ?? options.network ?? 'regtest'
  const seedFile = options.seedFile === undefined ? undefined : resolve(options.seedFile)
  const hasOne = hasWallet({ dir: nodeFolder(home, name), network })
  const keepSeed = hasOne || NETWORKS[network].private ? undefined : keeperOf(network, seedFile, options, output)
  const search = { env: process.env, onProgress: progressTo(output) }
  // The miner's key and transactions come with it: no command but this one needs them.
  const { provideChain, provideLnd } = await import('../../nodectl/lab/provide.ts')
  const program = await provideLnd(options.lnd, known, search)
  const wish = { ...options, network, backend: known?.backend ?? options.backend ?? 'neutrino', known }
  const btcd = options.btcd === undefined ? undefined : readBtcd(options.btcd, network)
  const chain = await provideChain(
    home,
    nodeFolder(home, name),
    { ...wish, chainPeers: options.chainPeer, btcd },
    search,
  )
  output.live([])
  const signal = interruptSignal(() => output.say(dim('leaving the node as it is; press again to end at once')))
  const { node, created } = await nodeUp({
    home,
    name,
    network: options.network,
    backend: options.backend,
    chainPeers: options.chainPeer ?? chain.chainPeers,
    offline: options.offline,
    btcd: btcd ?? chain.btcd,
    program,
    rpcPort: portOf(options.rpcPort),
    peerPort: portOf(options.peerPort),
    keepSeed,
    seedFile,
    signal,
    onProgress: (step) => {
      output.event('step', { step, name })
      output.say(WORDS[step](name))
    },
  })
  if (created) output.say(`made its wallet${seedFile ? `; the seed is in ${seedFile}` : ''}`)
  const end = await followSync(node, waitMs, signal, output)
  const status = await nodeStatus(node)
  output.event('up', { ...statusRecord(status), created, ...(seedFile && created && { seedFile }), sync: end })
  sayUp(node, end, output)
  return end === 'interrupted' ? 130 : 0
}

/** Building LND takes minutes: its last line is drawn over again. */
const progressTo =
  (output: Output) =>
  (line: string): void => {
    output.event('progress', { line })
    output.live([dim(line)])
  }

/** A name that was given, else that of the network, else that of the only node. */
export function nameOf(
  { name, network }: Pick<UpCommandOptions, 'name' | 'network'>,
  nodes: readonly ManagedNode[],
): string {
  if (name !== undefined) return name
  if (network !== undefined) return network
  const own = nodes.filter(({ lab }) => !lab)
  return own.length === 0 ? 'regtest' : chooseNode(own, undefined).name
}

/** Whoever takes the words of a wallet that may hold coins with a price, or coins that took trouble. Before LND starts. */
function keeperOf(
  network: Network,
  seedFile: string | undefined,
  { yes }: UpCommandOptions,
  output: Output,
): KeepSeed | undefined {
  if (seedFile) return undefined
  if (output.json || !process.stderr.isTTY || !process.stdin.isTTY) {
    throw new StreamError('seed-unkept', `a wallet on ${network} needs someone, or a file, that takes its seed`)
  }
  return (words) => showSeed(words, network, yes === true, output)
}

const portOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : readPort(text) || undefined

const WORDS: Readonly<Record<UpStep, (name: string) => string>> = {
  start: (name) => `starting ${name}`,
  restart: (name) => `${name} runs with other settings, or was left in the middle: stopping it first`,
  open: (name) => `opening the wallet of ${name}`,
  access: (name) => `${name} takes calls; checking its chain, and making macaroons for buyer and seller`,
}

function sayUp({ name, network, dir, chainPeers, offline }: ManagedNode, end: string, output: Output): void {
  output.say(`${bold(name)} is up on ${network}${end === 'done' ? '' : ', and goes on by itself'}`)
  if (offline) output.say(dim('  it talks to nobody (--offline)'))
  if (end === 'waiting' && chainPeers.length === 0)
    output.say(dim('  it has to find Bitcoin nodes that serve compact filters; that takes a while'))
  output.say(dim(`  use it    --node ${name}`))
  output.say(dim(`  look      streampay node status --name ${name}`))
  output.say(dim(`  files     ${dir}`))
}
