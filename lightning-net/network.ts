import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type BtcdRpc, mine } from '../src/nodectl/chain/btcd.ts'
import { FIRST_BLOCKS } from '../src/nodectl/chain/chain.ts'
import { MINER_ADDRESS } from '../src/nodectl/chain/coins.ts'
import { freePorts, type PortRange } from '../src/nodectl/chain/ports.ts'
import { buildBinaries } from '../src/nodectl/programs/build.ts'
import { startBtcd } from './btcd.ts'
import { fund, openChannels } from './channels.ts'
import { startGuard } from './guard.ts'
import { type LndSetup, type NetNode, type RunningLnd, startLnd } from './lnd.ts'

export interface LightningNetOptions {
  /** Everything is kept here, and stays; without it a temporary directory is used and removed. */
  readonly dir?: string
  /** The first of the ports, all below 32768; free ones are found when absent. */
  readonly basePort?: number
  /** A third node behind bob, who takes a fee for what passes him. */
  readonly carol?: boolean
  /** More lines for every lnd.conf, such as `channel-commit-interval=10ms`. Its own defaults apply otherwise. */
  readonly lndConfig?: readonly string[]
  /** Told what is going on, for people who wait. */
  readonly onProgress?: (line: string) => void
}

export type NodeName = 'alice' | 'bob' | 'carol'

/** What it takes to use the network from any process. */
export interface LightningNetData {
  readonly dir: string
  readonly network: 'regtest'
  readonly btcd: BtcdRpc
  /** LND on btcd. Pays: 16,000,000 sat in a channel to bob, half on each side. */
  readonly alice: NetNode
  /** LND on neutrino. */
  readonly bob: NetNode
  readonly carol?: NetNode
}

export interface LightningNet extends LightningNetData {
  mine(blocks: number): Promise<void>
  /** Ends one LND, for tests of what happens then. */
  stopNode(name: NodeName): Promise<void>
  /** As `stopNode`, by SIGKILL. */
  killNode(name: NodeName): Promise<void>
  /** Has one LND stand still, with all its connections open, until it is let go on. */
  freezeNode(name: NodeName, frozen: boolean): void
  /** Starts it again, same directory, ports and channels; resolves when it answers. */
  startNode(name: NodeName): Promise<void>
  stop(): Promise<void>
}

/** Where nodes of tests have theirs. They find them again when they were ended and start: only nodes look here. */
export const NET_PORTS: PortRange = [20_000, 26_000]

/** Marks a directory as a network's own. */
export const STATE_FILE = 'net.json'

/**
 * Starts a private Lightning network: btcd with a regtest chain, alice and bob, and a balanced channel between them.
 * Builds the programs first if need be. Everything listens on loopback only and ends with the process that started it.
 *
 * @throws Error that says what did not start, with the last of its output
 * @example
 * const net = await startLightningNet()
 * const alice = await createLndNode(net.alice)
 * await net.stop()
 */
export async function startLightningNet(options: LightningNetOptions = {}): Promise<LightningNet> {
  const say = options.onProgress ?? (() => {})
  const binaries = await buildBinaries(options.onProgress)
  const ports = await freePorts(8, options.basePort, NET_PORTS)
  const dir = await prepare(options.dir)
  const guard = startGuard()
  if (options.dir === undefined) guard.clear(dir)
  const stops: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    // The nodes first: they write down where they are in the chain.
    await Promise.all(stops.splice(1).map((end) => end()))
    await Promise.all(stops.splice(0).map((end) => end()))
    guard.end()
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
  }
  try {
    say('starting btcd')
    const btcd = await startBtcd(
      binaries.btcd,
      {
        dir: join(dir, 'btcd'),
        p2pPort: ports[0]!,
        rpc: {
          port: ports[1]!,
          user: 'stream',
          password: randomBytes(16).toString('hex'),
          cert: join(dir, 'btcd', 'rpc.cert'),
        },
        miningAddress: MINER_ADDRESS,
      },
      guard,
    )
    stops.push(btcd.stop)
    await mine(btcd.rpc, FIRST_BLOCKS)
    const setup = (name: NodeName, first: number, chain: LndSetup['chain']): LndSetup => ({
      program: binaries.lnd,
      name,
      dir: join(dir, name),
      peerPort: ports[first]!,
      rpcPort: ports[first + 1]!,
      chain,
      config: options.lndConfig ?? [],
    })
    const setups = [
      setup('alice', 2, { kind: 'btcd', rpc: btcd.rpc }),
      setup('bob', 4, { kind: 'neutrino', connect: btcd.p2p }),
      ...(options.carol ? [setup('carol', 6, { kind: 'btcd', rpc: btcd.rpc })] : []),
    ]
    say(`starting ${setups.map(({ name }) => name).join(', ')}`)
    const running = new Map<string, RunningLnd>()
    const startNode = async (of: LndSetup): Promise<void> => {
      running.set(of.name, await startLnd(of, guard))
    }
    for (const { name } of setups) stops.push(async () => running.get(name)?.daemon.stop())
    await Promise.all(setups.map(startNode))
    const nodes = [...running.values()]
    say('funding the nodes')
    await fund(btcd.rpc, nodes)
    say('opening channels')
    const [alice, bob, carol] = setups.map(({ name }) => running.get(name)!)
    const links = [{ from: alice!, to: bob!, sat: 16_000_000 }]
    if (carol) links.push({ from: bob!, to: carol, sat: 4_000_000 })
    await openChannels(btcd.rpc, links, nodes)
    const setupOf = (name: NodeName): LndSetup => {
      const found = setups.find((of) => of.name === name)
      if (!found) throw new Error(`this network has no ${name}`)
      return found
    }
    const data: LightningNetData = {
      dir,
      network: 'regtest',
      btcd: btcd.rpc,
      alice: alice!.node,
      bob: bob!.node,
      ...(carol && { carol: carol.node }),
    }
    await writeFile(join(dir, STATE_FILE), JSON.stringify({ ...data, pid: process.pid }, null, 2), { mode: 0o600 })
    say('the network is up')
    return {
      ...data,
      mine: async (blocks) => void (await mine(btcd.rpc, blocks)),
      stopNode: async (name) => running.get(setupOf(name).name)?.daemon.stop(),
      killNode: async (name) => running.get(setupOf(name).name)?.daemon.kill(),
      freezeNode: (name, frozen) => running.get(setupOf(name).name)?.daemon.freeze(frozen),
      startNode: (name) => startNode(setupOf(name)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** An own directory, or a fresh one. What an earlier network left in it is removed; anything else is not touched. */
async function prepare(dir: string | undefined): Promise<string> {
  if (dir === undefined) return mkdtemp(join(tmpdir(), 'streampay-net-'))
  const path = resolve(dir)
  await mkdir(path, { recursive: true })
  const there = await readdir(path)
  if (there.length > 0 && !there.includes(STATE_FILE)) throw new Error(`${path} is not empty and holds no network`)
  for (const name of ['btcd', 'alice', 'bob', 'carol', STATE_FILE])
    await rm(join(path, name), { recursive: true, force: true })
  // Marked before anything else is in it: a start that is interrupted must not make the directory unusable.
  await writeFile(join(path, STATE_FILE), '{}')
  return path
}
