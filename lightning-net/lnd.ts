import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuthenticatedLnd, authenticatedLndGrpc, getWalletInfo } from 'lightning'
import type { BtcdRpc } from '../src/nodectl/chain/btcd.ts'
import { listens, until } from '../src/nodectl/chain/wait.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import type { Guard } from './guard.ts'

/** How to reach a node of the network. Plain data: it crosses to other processes as JSON. */
export interface NetNode {
  readonly name: string
  /** LND's own directory. */
  readonly dir: string
  /** `localhost:PORT` of its gRPC. */
  readonly socket: string
  /** Path of its certificate. */
  readonly cert: string
  /** Path of its admin macaroon. */
  readonly macaroon: string
  /** As `--node` takes it. */
  readonly spec: string
  /** `127.0.0.1:PORT` where peers connect. */
  readonly peer: string
  /** 66 hex digits. */
  readonly publicKey: string
}

export interface LndSetup {
  readonly program: string
  readonly name: string
  readonly dir: string
  readonly peerPort: number
  readonly rpcPort: number
  /** More lines for lnd.conf's first section. */
  readonly config: readonly string[]
  /** `btcd` follows the chain through btcd's RPC; `neutrino` is a light client of it. */
  readonly chain:
    | { readonly kind: 'btcd'; readonly rpc: BtcdRpc }
    | { readonly kind: 'neutrino'; readonly connect: string }
}

/** Making a wallet's key takes LND four seconds of a processor, and several start at once on machines that do much else. */
export const START_MS = 180_000

export interface RunningLnd {
  readonly node: NetNode
  readonly daemon: Daemon
  readonly lnd: AuthenticatedLnd
}

export async function startLnd(setup: LndSetup, guard: Guard): Promise<RunningLnd> {
  await mkdir(setup.dir, { recursive: true })
  await writeFile(join(setup.dir, 'lnd.conf'), configOf(setup), { mode: 0o600 })
  const daemon = startDaemon(setup.name, setup.program, [`--lnddir=${setup.dir}`], join(setup.dir, 'lnd.out'), guard)
  const cert = join(setup.dir, 'tls.cert')
  const macaroon = join(setup.dir, 'data', 'chain', 'bitcoin', 'regtest', 'admin.macaroon')
  // Only then a first call: gRPC waits longer and longer after every failed connection.
  const called = async () => existsSync(macaroon) && listens(setup.rpcPort)
  await until(`${setup.name} listens`, START_MS, called, [daemon.failed])
  const socket = `localhost:${setup.rpcPort}`
  const lnd = await openLnd({ socket, cert, macaroon })
  const info = await until(`${setup.name} answers`, START_MS, () => getWalletInfo({ lnd }), [daemon.failed])
  const spec = `lnd:${setup.dir}@${socket}`
  const peer = `127.0.0.1:${setup.peerPort}`
  const node = { name: setup.name, dir: setup.dir, socket, cert, macaroon, spec, peer, publicKey: info.public_key }
  return { node, daemon, lnd }
}

/** A connection for npm `lightning`'s methods. */
export async function openLnd(node: Pick<NetNode, 'socket' | 'cert' | 'macaroon'>): Promise<AuthenticatedLnd> {
  const base64 = async (path: string): Promise<string> => (await readFile(path)).toString('base64')
  const [cert, macaroon] = await Promise.all([base64(node.cert), base64(node.macaroon)])
  return authenticatedLndGrpc({ cert, macaroon, socket: node.socket }).lnd
}

function configOf(setup: LndSetup): string {
  const { chain } = setup
  const backend =
    chain.kind === 'btcd'
      ? `[btcd]
btcd.rpchost=127.0.0.1:${chain.rpc.port}
btcd.rpcuser=${chain.rpc.user}
btcd.rpcpass=${chain.rpc.password}
btcd.rpccert=${chain.rpc.cert}`
      : `[neutrino]
neutrino.connect=${chain.connect}`
  return `[Application Options]
alias=${setup.name}
listen=127.0.0.1:${setup.peerPort}
rpclisten=127.0.0.1:${setup.rpcPort}
norest=1
; A wallet without a password or a seed: for a chain that is thrown away.
noseedbackup=1
; No looking for other nodes in the DNS.
nobootstrap=1
accept-keysend=1
debuglevel=warn
; Announcements go out at once, so that a new channel is soon in everyone's graph.
trickledelay=50
maxpendingchannels=10
${setup.config.map((line) => `${line}\n`).join('')}[Bitcoin]
bitcoin.regtest=1
bitcoin.node=${chain.kind}
bitcoin.defaultchanconfs=1
${backend}
`
}
