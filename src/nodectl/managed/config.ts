import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { NETWORKS } from '../networks/networks.ts'

/** How to reach the JSON-RPC of a btcd. */
export interface BtcdAccess {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Path of its certificate. */
  readonly cert: string
}

/** What is written into lnd.conf. */
export interface LndSettings {
  readonly name: string
  readonly network: Network
  readonly peerPort: number
  readonly rpcPort: number
  /** Path of the file that LND reads its wallet's password from. */
  readonly passwordFile: string
  /** On a public network: no packet leaves this machine of its own accord. On a private one it never does. */
  readonly offline: boolean
  readonly chain:
    | { readonly kind: 'neutrino'; readonly peers: readonly string[] }
    | { readonly kind: 'btcd'; readonly rpc: BtcdAccess }
}

/** Estimates for mainnet, which a light client cannot make itself: it sees no unconfirmed transactions. LND's own example. */
const FEE_URL = 'https://nodes.lightning.computer/fees/v1/btc-fee-estimates.json'
/** Nothing listens on it, and on a loopback address nothing leaves the machine. */
const NOWHERE = '127.0.0.1:1'

/**
 * The text of lnd.conf. Reasons are in it as comments, for whoever reads it there.
 * @throws StreamError `option-invalid` for a value that could be taken for something else in that file
 */
export function lndConfig(settings: LndSettings): string {
  const { name, network, chain, offline } = settings
  const isPrivate = NETWORKS[network].private
  // Who names the Bitcoin nodes to ask wants no others asked: not for Lightning nodes either.
  const looksAround = !isPrivate && !offline && !(chain.kind === 'neutrino' && chain.peers.length > 0)
  return `; Written by \`streampay node up\` at every start: what is changed here is lost.
[Application Options]
alias=${word(name)}
listen=127.0.0.1:${settings.peerPort}
rpclisten=127.0.0.1:${settings.rpcPort}
norest=1
; LND opens its wallet itself, so that a restart needs nobody. The file is its owner's alone.
wallet-unlock-password-file=${path(settings.passwordFile)}
wallet-unlock-allow-create=1
tlsautorefresh=1
accept-keysend=1
debuglevel=info
; What a payment waits for most: see src/lightning/lnd/README.md.
channel-commit-interval=10ms
${isPrivate ? PRIVATE : ''}${looksAround ? '' : 'nobootstrap=1\n'}
[logging]
; To its own files, of a bounded size: the console is a file that nobody cuts.
logging.console.disable=1
logging.file.max-files=5
logging.file.max-file-size=10

[db]
db.backend=sqlite

[Bitcoin]
${NETWORKS[network].lndFlag}=1
bitcoin.node=${chain.kind}
${isPrivate ? 'bitcoin.defaultchanconfs=1\n' : ''}
${chain.kind === 'btcd' ? btcd(chain.rpc) : neutrino(chain.peers)}
${network === 'mainnet' && chain.kind === 'neutrino' ? fees(offline) : ''}${offline && !isPrivate ? SILENT : ''}`
}

/** A chain of one machine: what is announced is soon known, and several channels may wait for the same block. */
const PRIVATE = 'trickledelay=50\nmaxpendingchannels=10\n'

/**
 * LND's light client asks the DNS for Bitcoin nodes whatever it is told (0.21), and asks it for addresses that are numbers too. By a
 * proxy that is not there it asks nobody, and so has no peers either.
 */
const SILENT = `[tor]
tor.active=1
tor.socks=${NOWHERE}
tor.dns=${NOWHERE}
tor.skip-proxy-for-clearnet-targets=1
`

const neutrino = (peers: readonly string[]): string =>
  `[neutrino]\n${peers.map((peer) => `neutrino.connect=${checkPeer(peer)}\n`).join('')}`

const btcd = (rpc: BtcdAccess): string => `[btcd]
btcd.rpchost=${checkPeer(`${rpc.host}:${rpc.port}`)}
btcd.rpcuser=${word(rpc.user)}
btcd.rpcpass=${word(rpc.password)}
btcd.rpccert=${path(rpc.cert)}
`

const fees = (offline: boolean): string => `[fee]\nfee.url=${offline ? `http://${NOWHERE}/` : FEE_URL}\n\n`

const PEER = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?):(\d{1,5})$/i

/**
 * `HOST:PORT`, as it is written into lnd.conf.
 * @throws StreamError `option-invalid`
 */
export function checkPeer(peer: string): string {
  const port = Number(PEER.exec(peer)?.[1])
  if (port >= 1 && port <= 65_535) return peer
  throw new StreamError('option-invalid', `"${peer.slice(0, 80)}" is not HOST:PORT`)
}

/** Visible characters without those that begin a comment or a quotation. */
function word(text: string): string {
  if (/^[!$-:<-~]{1,200}$/.test(text) && !/["'`\\]/.test(text)) return text
  throw new StreamError('option-invalid', 'a name or password holds a character that lnd.conf cannot')
}

/** LND expands `~` and `$NAME` in paths. */
function path(text: string): string {
  if (text.startsWith('/') && !/[\p{Cc}$"'`\\;#]/u.test(text)) return text
  throw new StreamError(
    'option-invalid',
    `LND cannot take the path ${text.slice(0, 200)}: use one without $ and quotes`,
  )
}
