import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh } from '@scure/btc-signer'
import { startDaemon } from '../../lightning-net/daemon.ts'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'
import type { LightningNetData } from '../../lightning-net/network.ts'
import type { LndOptions } from '../../src/lightning/lnd/index.ts'
import type { Network } from '../../src/money/network.ts'
import { type Admin, openAdmin } from '../../src/nodectl/admin.ts'
import { type BtcdRpc, btcdConfig, callBtcd } from '../../src/nodectl/chain/btcd.ts'
import { freePorts } from '../../src/nodectl/chain/ports.ts'
import { listens, until } from '../../src/nodectl/chain/wait.ts'
import { NETWORKS } from '../../src/nodectl/networks/networks.ts'
import { buildBinaries } from '../../src/nodectl/programs/build.ts'
import { type Lone, startLone, takesCalls } from './lone.ts'

/** A node of the world: one for each network. */
export interface Member {
  readonly name: string
  readonly network: Network
  readonly options: LndOptions
  readonly admin: Admin
  /** `127.0.0.1:PORT` where peers connect. */
  readonly peer: string
}

/** A btcd of a private network. */
export interface Chain {
  readonly network: 'regtest' | 'simnet'
  readonly rpc: BtcdRpc
  /** `127.0.0.1:PORT` where other Bitcoin nodes connect. */
  readonly p2p: string
}

/**
 * Real nodes of every network. On regtest it is one with coins and channels, so that what is refused is not refused for want of money.
 * On simnet LND on a btcd of its own. On the three public networks light clients that have nobody to ask: they answer, and follow no
 * chain. Everything stays on this machine.
 */
export interface World {
  readonly members: readonly Member[]
  readonly chains: readonly Chain[]
  /** For what is started besides. */
  readonly dir: string
  readonly guard: Guard
  stop(): Promise<void>
}

/** @param net a network on regtest that runs already */
export async function startWorld(net: LightningNetData): Promise<World> {
  const guard = startGuard()
  const dir = mkdtempSync(join(tmpdir(), 'streampay-networks-'))
  guard.clear(dir)
  const lones: Lone[] = []
  const members: Member[] = []
  let simnet: SimnetChain | undefined
  const stop = async (): Promise<void> => {
    for (const { admin } of members) admin.close()
    await Promise.all(lones.map(({ daemon }) => daemon.stop()))
    await simnet?.stop()
    guard.end()
    rmSync(dir, { recursive: true, force: true })
  }
  const join_ = async (network: Network, chain: BtcdRpc | undefined): Promise<void> => {
    const lone = await startLone({ network, dir: join(dir, network), chain }, guard)
    lones.push(lone)
    await takesCalls(lone)
    const options = { socket: lone.socket, cert: lone.cert, macaroon: lone.macaroon }
    members.push({ name: network, network, options, admin: await openAdmin(options), peer: lone.peer })
  }
  try {
    const { alice } = net
    const options = { socket: alice.socket, cert: alice.cert, macaroon: alice.macaroon }
    members.push({ name: 'alice', network: 'regtest', options, admin: await openAdmin(options), peer: alice.peer })
    const chain = await startSimnet(join(dir, 'btcd'), guard)
    simnet = chain
    await Promise.all([
      join_('simnet', chain.rpc).then(() => callBtcd(chain.rpc, 'generate', 1)),
      ...(['mainnet', 'testnet', 'signet'] as const).map((network) => join_(network, undefined)),
    ])
    return { members, chains: [await regtestChain(net), chain], dir, guard, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface SimnetChain extends Chain {
  stop(): Promise<void>
}

async function startSimnet(dir: string, guard: Guard): Promise<SimnetChain> {
  const [p2pPort, port] = (await freePorts(2)) as [number, number]
  const rpc = { port, user: 'stream', password: randomBytes(16).toString('hex'), cert: join(dir, 'rpc.cert') }
  const [pubKeyHash, scriptHash] = NETWORKS.simnet.base58
  const owner = p2wpkh(secp256k1.getPublicKey(new Uint8Array(32).fill(7), true), {
    bech32: NETWORKS.simnet.hrp,
    pubKeyHash,
    scriptHash,
    wif: 0x64,
  })
  mkdirSync(dir, { recursive: true })
  const config = join(dir, 'btcd.conf')
  const setup = { dir, p2pPort, rpc, miningAddress: owner.address! }
  writeFileSync(config, btcdConfig(setup).replace('regtest=1', 'simnet=1'), { mode: 0o600 })
  const { btcd } = await buildBinaries()
  const daemon = startDaemon('btcd on simnet', btcd, [`--configfile=${config}`], join(dir, 'out'), guard)
  const answers = async () => (await listens(port)) && callBtcd(rpc, 'getinfo')
  await until('btcd answers', 60_000, answers, [daemon.failed])
  await callBtcd(rpc, 'generate', 10)
  const stop = () => daemon.stop(() => callBtcd(rpc, 'stop'))
  return { network: 'simnet', rpc, p2p: `127.0.0.1:${p2pPort}`, stop }
}

/** The address for peers is what bob, a light client, was told. */
async function regtestChain({ btcd, bob }: LightningNetData): Promise<Chain> {
  const { readFileSync } = await import('node:fs')
  const p2p = /^neutrino\.connect=(\S+)$/m.exec(readFileSync(join(bob.dir, 'lnd.conf'), 'utf8'))![1]!
  return { network: 'regtest', rpc: btcd, p2p }
}
