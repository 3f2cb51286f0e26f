import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import type { Network } from '../node.ts'

/** Where an LND listens, and the two files it takes to talk to it. */
export interface LndOptions {
  /** `host:port` of LND's gRPC, such as `localhost:10009`. */
  readonly socket: string
  /** Path of LND's TLS certificate. */
  readonly cert: string
  /** Path of a macaroon. */
  readonly macaroon: string
  /** The network this node must be on. Any by default. */
  readonly network?: Network
  /** Calls the opening off: it rejects with the signal's reason, and what opens after that is closed at once. None by default. */
  readonly signal?: AbortSignal
}

export interface LndSpecContext {
  /** Read for `lnd` alone: STREAMPAY_LND_CERT, STREAMPAY_LND_MACAROON, STREAMPAY_LND_SOCKET. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Chooses among the networks in LND's directory. */
  readonly network?: Network
}

const DEFAULT_SOCKET = 'localhost:10009'
const SOCKET = /^(?:\[[0-9a-f:]+\]|[a-z0-9._-]+):\d{1,5}$/i

/**
 * Reads a node spec into options.
 *
 * - `lnd:DIR` or `lnd:DIR@HOST:PORT`: DIR is LND's own directory; its `tls.cert` and
 *   `data/chain/bitcoin/<network>/admin.macaroon` are used.
 * - `lnd`: paths from the environment variables STREAMPAY_LND_CERT and STREAMPAY_LND_MACAROON, and
 *   `host:port` from STREAMPAY_LND_SOCKET (default `localhost:10009`).
 *
 * Only paths are ever given, never what is in the files: command lines and environments can be read by others.
 * @throws StreamError `node-spec-invalid`
 * @example parseLndSpec('lnd:/home/me/.lnd@localhost:10009')
 */
export function parseLndSpec(spec: string, context: LndSpecContext = {}): LndOptions {
  const network = context.network === undefined ? {} : { network: context.network }
  if (spec === 'lnd') return { ...fromEnvironment(context.env ?? process.env), ...network }
  const rest = /^lnd:(.+)$/s.exec(spec)?.[1]
  if (rest === undefined)
    throw new StreamError('node-spec-invalid', 'an LND is written lnd:DIR, lnd:DIR@HOST:PORT or lnd')
  // A directory may hold an "@" itself: only a last part of the form HOST:PORT is an address.
  const at = rest.lastIndexOf('@')
  const socket = at < 0 ? '' : rest.slice(at + 1)
  const hasSocket = SOCKET.test(socket)
  const dir = expandHome(refuseSecret(hasSocket ? rest.slice(0, at) : rest))
  if (!existsSync(dir)) throw new StreamError('node-spec-invalid', `there is no directory ${dir}`)
  return {
    socket: checkSocket(hasSocket ? socket : DEFAULT_SOCKET),
    cert: mustExist(join(dir, 'tls.cert'), 'LND writes it when it first starts'),
    macaroon: findMacaroon(dir, context.network),
    ...network,
  }
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): LndOptions {
  const path = (name: string): string => {
    const value = env[name]
    if (!value) throw new StreamError('node-spec-invalid', `--node lnd needs ${name}, the path of a file`)
    return mustExist(expandHome(refuseSecret(value)), `named by ${name}`)
  }
  return {
    cert: path('STREAMPAY_LND_CERT'),
    macaroon: path('STREAMPAY_LND_MACAROON'),
    socket: checkSocket(env.STREAMPAY_LND_SOCKET || DEFAULT_SOCKET),
  }
}

function findMacaroon(dir: string, network: Network | undefined): string {
  const chains = join(dir, 'data', 'chain', 'bitcoin')
  const macaroonOf = (name: string) => join(chains, name, 'admin.macaroon')
  if (network !== undefined) return mustExist(macaroonOf(network), 'LND writes it when its wallet is made')
  const found = existsSync(chains) ? readdirSync(chains).filter((name) => existsSync(macaroonOf(name))) : []
  if (found.length === 1) return macaroonOf(found[0]!)
  const message =
    found.length === 0
      ? `no admin.macaroon in a network's directory under ${chains}; LND writes it when its wallet is made`
      : `${dir} holds several networks (${found.sort().join(', ')}); name the network`
  throw new StreamError('node-spec-invalid', message, found.length === 0 ? {} : { networks: found.join(',') })
}

function checkSocket(socket: string): string {
  const port = Number(socket.slice(socket.lastIndexOf(':') + 1))
  if (!SOCKET.test(socket) || port < 1 || port > 65_535) {
    throw new StreamError('node-spec-invalid', `"${socket.slice(0, 80)}" is not HOST:PORT`)
  }
  return socket
}

function mustExist(path: string, why: string): string {
  if (!existsSync(path)) throw new StreamError('node-spec-invalid', `there is no file ${path} (${why})`)
  return path
}

/** Someone may paste the macaroon itself where its path belongs. It must not come back in an error message. */
function refuseSecret(path: string): string {
  if (/^[0-9a-f]{100,}$/i.test(path) || /^[A-Za-z0-9+=_-]{100,}$/.test(path) || path.includes('-----BEGIN')) {
    throw new StreamError('node-spec-invalid', 'this is the content of a secret file; give the path of the file')
  }
  return path
}

const expandHome = (path: string): string => resolve(path.replace(/^~(?=$|\/)/, homedir()))
