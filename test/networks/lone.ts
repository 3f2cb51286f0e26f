import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../../lightning-net/daemon.ts'
import type { Guard } from '../../lightning-net/guard.ts'
import { START_MS } from '../../lightning-net/lnd.ts'
import type { LndOptions } from '../../src/lightning/lnd/index.ts'
import type { Network } from '../../src/money/network.ts'
import { openAdmin } from '../../src/nodectl/admin.ts'
import { freePorts } from '../../src/nodectl/chain/ports.ts'
import { listens, until } from '../../src/nodectl/chain/wait.ts'
import { NETWORKS } from '../../src/nodectl/networks/networks.ts'
import { buildBinaries } from '../../src/nodectl/programs/build.ts'

/** How to reach the RPC of a btcd, as LND needs it. */
export interface ChainRpc {
  readonly port: number
  readonly user: string
  readonly password: string
  readonly cert: string
}

export interface LoneSetup {
  readonly network: Network
  /** LND's own directory; made if need be. */
  readonly dir: string
  /** btcd, or the `host:port` of the only Bitcoin node that a light client may ask; nobody listens there by default. */
  readonly chain: ChainRpc | string | undefined
  /** A wallet that has to be made and unlocked, instead of one without a password. */
  readonly wallet?: boolean
  /** More lines for the end of lnd.conf. */
  readonly more?: string
}

/** An LND on its own, of any network. */
export interface Lone extends LndOptions {
  readonly network: Network
  readonly dir: string
  readonly daemon: Daemon
  /** `127.0.0.1:PORT` where peers connect. */
  readonly peer: string
  readonly output: string
  readonly spec: string
}

/** Nothing listens there, and nothing leaves the machine on the way. */
const NOWHERE = '127.0.0.1:1'

/** Starts it; resolves at once: what becomes of it is what a test is about. */
export async function startLone(setup: LoneSetup, guard: Guard): Promise<Lone> {
  const { network, dir } = setup
  const [peerPort, rpcPort] = (await freePorts(2)) as [number, number]
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'lnd.conf'), configOf(setup, peerPort, rpcPort), { mode: 0o600 })
  const output = join(dir, 'lnd.out')
  const { lnd } = await buildBinaries()
  const daemon = startDaemon(`${network} node`, lnd, [`--lnddir=${dir}`], output, guard)
  const socket = `localhost:${rpcPort}`
  return {
    network,
    dir,
    daemon,
    output,
    socket,
    peer: `127.0.0.1:${peerPort}`,
    spec: `lnd:${dir}@${socket}`,
    cert: join(dir, 'tls.cert'),
    macaroon: join(dir, 'data', 'chain', 'bitcoin', NETWORKS[network].lndName, 'admin.macaroon'),
  }
}

/** Until it takes calls. @throws Error with its last words when it ends instead */
export async function takesCalls(lone: Lone): Promise<void> {
  const port = Number(lone.socket.split(':')[1])
  const called = async () => existsSync(lone.macaroon) && listens(port)
  await until(`${lone.network} listens`, START_MS, called, [lone.daemon.failed])
  const admin = await until(`${lone.network} answers`, START_MS, () => openAdmin(lone), [lone.daemon.failed])
  admin.close()
}

function configOf({ network, chain, wallet, more = '' }: LoneSetup, peerPort: number, rpcPort: number): string {
  const isPublic = !NETWORKS[network].private
  const backend =
    typeof chain === 'object'
      ? `[btcd]
btcd.rpchost=127.0.0.1:${chain.port}
btcd.rpcuser=${chain.user}
btcd.rpcpass=${chain.password}
btcd.rpccert=${chain.cert}`
      : `[neutrino]
neutrino.connect=${chain ?? NOWHERE}`
  return `[Application Options]
alias=${network}
listen=127.0.0.1:${peerPort}
rpclisten=127.0.0.1:${rpcPort}
norest=1
nobootstrap=1
${wallet ? '' : 'noseedbackup=1\n'}debuglevel=info
[Bitcoin]
${NETWORKS[network].lndFlag}=1
bitcoin.node=${typeof chain === 'object' ? 'btcd' : 'neutrino'}
${backend}
${isPublic ? SILENT : ''}${network === 'mainnet' ? `[fee]\nfee.url=http://${NOWHERE}/\n` : ''}${more}`
}

/** LND's light client asks the DNS for Bitcoin nodes whatever it is told (0.21). By a proxy that is not there it asks nobody. */
const SILENT = `[tor]
tor.active=1
tor.socks=${NOWHERE}
tor.dns=${NOWHERE}
tor.skip-proxy-for-clearnet-targets=1
`
