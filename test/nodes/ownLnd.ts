import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh } from '@scure/btc-signer'
import { getWalletInfo } from 'lightning'
import { expect, vi } from 'vitest'
import { startDaemon } from '../../lightning-net/daemon.ts'
import { startGuard } from '../../lightning-net/guard.ts'
import { openLnd, type RunningLnd, startLnd } from '../../lightning-net/lnd.ts'
import { NET_PORTS } from '../../lightning-net/network.ts'
import type { SharedNet } from '../../lightning-net/shared.ts'
import { type BtcdRpc, mine } from '../../src/nodectl/chain/btcd.ts'
import { freePorts } from '../../src/nodectl/chain/ports.ts'
import { listens } from '../../src/nodectl/chain/wait.ts'
import { builtBinaries } from '../../src/nodectl/programs/build.ts'

/** A node on another chain: where its peers connect, and its key. */
export interface Stranger {
  readonly publicKey: string
  readonly peer: string
}

/** LNDs of a test's own on the shared chain, so that those which other files count on stay as they are. */
export function ownLnds(net: SharedNet, home: string) {
  const guard = startGuard()
  const running = new Map<string, RunningLnd>()
  const starts = new Map<string, () => Promise<RunningLnd>>()
  const stops: Array<() => Promise<void>> = []
  const programs = builtBinaries()!
  const of = (name: string): RunningLnd => running.get(name)!
  return {
    of,
    mine: (blocks: number) => mine(net.btcd, blocks),

    /** Until it has taken in all blocks: an LND that was just started, or that hears of a block, has not yet. */
    async inStep(name: string): Promise<void> {
      const { lnd } = of(name)
      await eventually(async () => expect((await getWalletInfo({ lnd })).is_synced_to_chain).toBe(true))
    },

    /** On the shared btcd. @param config more lines for lnd.conf */
    async start(name: string, config: readonly string[] = []): Promise<RunningLnd> {
      const [peerPort, rpcPort] = (await freePorts(2, undefined, NET_PORTS)) as [number, number]
      const chain = { kind: 'btcd', rpc: net.btcd } as const
      const setup = { program: programs.lnd, name, dir: join(home, name), peerPort, rpcPort, config, chain }
      starts.set(name, () => startLnd(setup, guard))
      return this.startAgain(name)
    },

    /** The same node, after it was killed. */
    async startAgain(name: string): Promise<RunningLnd> {
      const node = await starts.get(name)!()
      running.set(name, node)
      return node
    },

    /** An LND on simnet, with a chain of its own: nodes listen for peers only when they have one. */
    async stranger(): Promise<Stranger> {
      const [p2p, rpcPort, peerPort, lndPort] = (await freePorts(4, undefined, NET_PORTS)) as [
        number,
        number,
        number,
        number,
      ]
      const rpc = { port: rpcPort, user: 'stream', password: 'simnet', cert: join(home, 'simnet', 'rpc.cert') }
      await startSimnet(rpc, p2p)
      const dir = join(home, 'stranger')
      await mkdir(dir)
      await writeFile(join(dir, 'lnd.conf'), simnetLnd(peerPort, lndPort, p2p))
      const daemon = startDaemon('stranger', programs.lnd, [`--lnddir=${dir}`], join(dir, 'lnd.out'), guard)
      stops.push(() => daemon.stop())
      const macaroon = join(dir, 'data', 'chain', 'bitcoin', 'simnet', 'admin.macaroon')
      await eventually(async () => expect(existsSync(macaroon) && (await listens(peerPort))).toBe(true))
      const lnd = await openLnd({ socket: `localhost:${lndPort}`, cert: join(dir, 'tls.cert'), macaroon })
      const { public_key } = await eventually(() => getWalletInfo({ lnd }))
      return { publicKey: public_key, peer: `127.0.0.1:${peerPort}` }
    },

    async stop(): Promise<void> {
      await Promise.all([...running.values()].map(({ daemon }) => daemon.running && daemon.stop()))
      await Promise.all(stops.map((end) => end()))
      guard.end()
    },
  }

  async function startSimnet(rpc: BtcdRpc, p2p: number): Promise<void> {
    const dir = join(home, 'simnet')
    await mkdir(dir)
    const config = join(dir, 'btcd.conf')
    await writeFile(config, simnetBtcd(dir, rpc, p2p))
    const daemon = startDaemon('btcd on simnet', programs.btcd, [`--configfile=${config}`], join(dir, 'out'), guard)
    stops.push(() => daemon.stop())
    await eventually(() => mine(rpc, 1))
  }
}

const eventually = <T>(attempt: () => Promise<T>): Promise<T> =>
  vi.waitFor(attempt, { timeout: 170_000, interval: 100 })

const simnetMiner = p2wpkh(secp256k1.getPublicKey(new Uint8Array(32).fill(7), true), {
  bech32: 'sb',
  pubKeyHash: 0x3f,
  scriptHash: 0x7b,
  wif: 0x64,
}).address!

const simnetBtcd = (dir: string, rpc: BtcdRpc, p2p: number): string => `[Application Options]
simnet=1
datadir=${join(dir, 'data')}
logdir=${join(dir, 'logs')}
listen=127.0.0.1:${p2p}
rpclisten=127.0.0.1:${rpc.port}
rpcuser=${rpc.user}
rpcpass=${rpc.password}
rpccert=${rpc.cert}
rpckey=${join(dir, 'rpc.key')}
nodnsseed=1
miningaddr=${simnetMiner}
`

const simnetLnd = (peerPort: number, rpcPort: number, p2p: number): string => `[Application Options]
listen=127.0.0.1:${peerPort}
rpclisten=127.0.0.1:${rpcPort}
norest=1
noseedbackup=1
nobootstrap=1
[Bitcoin]
bitcoin.simnet=1
bitcoin.node=neutrino
[neutrino]
neutrino.connect=127.0.0.1:${p2p}
`
