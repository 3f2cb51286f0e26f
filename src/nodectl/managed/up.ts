import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { StreamError } from '../../errors/error.ts'
import { lockDirectory } from '../../lightning/embedded/lock.ts'
import { bakeMacaroon } from '../../lightning/lnd/index.ts'
import type { Network } from '../../money/network.ts'
import { openAdmin } from '../admin.ts'
import { runningDaemon, startDaemon } from '../daemon/daemon.ts'
import { requireGenesisOf, requireSameNetwork } from '../networks/guard.ts'
import { NETWORKS } from '../networks/networks.ts'
import { requireBtcdOf } from './chainBtcd.ts'
import { requireChainPeers } from './chainPeer.ts'
import { type BtcdAccess, checkPeer, lndConfig } from './config.ts'
import { nodeDown } from './down.ts'
import {
  daemonFiles,
  hasWallet,
  keptPassword,
  mendCertificate,
  passwordFile,
  requireOwnFolder,
  storageError,
  writeWhole,
} from './files.ts'
import { findPort, requireFreePorts } from './ports.ts'
import {
  isNodeName,
  listManaged,
  lndOptionsOf,
  type ManagedNode,
  macaroonOf,
  nodeFolder,
  saveManaged,
} from './record.ts'
import { forgetPending, keepSeedFile, pendingSeed, refuseExisting } from './seed.ts'
import { isMakingWallet, type KeepSeed, openWallet } from './wallet.ts'

/** What a node is to be. What is left out stays as it is; for a new node there is a default. */
export interface NodeUpOptions {
  /** `stateHome()`. */
  readonly home: string
  readonly name: string
  /** Of a node that exists it must be the same. A new one is on regtest. */
  readonly network?: Network | undefined
  /** A new one is a light client. */
  readonly backend?: ManagedNode['backend'] | undefined
  /** `HOST:PORT` of the Bitcoin nodes that a light client asks, and no others. */
  readonly chainPeers?: readonly string[] | undefined
  /** It talks to nobody but who connects to it, or whom it is told to: on a public network it does not even follow the chain. */
  readonly offline?: boolean | undefined
  /** For `backend: 'btcd'`. */
  readonly btcd?: BtcdAccess | undefined
  /** Path of `lnd`. */
  readonly program?: string | undefined
  readonly lab?: boolean | undefined
  /** Found and kept when absent. */
  readonly peerPort?: number | undefined
  readonly rpcPort?: number | undefined
  /** Called with the words of a new wallet before it is made. Where there is none, nobody sees them. */
  readonly keepSeed?: KeepSeed | undefined
  /** A file for the words, never over another. They are in it before the wallet is made. */
  readonly seedFile?: string | undefined
  readonly onProgress?: ((step: UpStep) => void) | undefined
  /** Ends the wait. LND goes on. */
  readonly signal?: AbortSignal | undefined
}

/** What is about to be done. */
export type UpStep = 'start' | 'restart' | 'open' | 'access'

/**
 * Brings a managed node up: makes it if there is none of this name, starts its LND if that does not run, makes or opens the wallet, and
 * bakes the macaroons for buyer and seller. It resolves when LND takes calls, which is before it has the whole chain.
 *
 * It may be called again at any time, and finishes whatever an earlier call, or a kill of either process, left.
 * @returns the node, and whether its wallet was made just now
 * @throws StreamError `network-mismatch` (the name, the directory or the chain backend is of another network), `node-busy` (another
 * call is at it), `option-invalid`, `port-taken`, `wallet-password-wrong`, `disk-full`, `storage-denied`, `lnd-unsuitable`, `node-failed`
 * @example
 * const { node } = await nodeUp({ home: stateHome(), name: 'alice', network: 'regtest', chainPeers: ['127.0.0.1:18444'], program })
 */
export async function nodeUp(options: NodeUpOptions): Promise<{ node: ManagedNode; created: boolean }> {
  const { home, name } = options
  if (!isNodeName(name)) {
    throw new StreamError(
      'option-invalid',
      `"${name.slice(0, 40)}" is no name: a to z, 0 to 9 and -, up to 32, and not embedded, lnd, nwc`,
    )
  }
  const dir = nodeFolder(home, name)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const unlock = lockDirectory(dir)
    try {
      return await bringUp(options)
    } finally {
      unlock()
    }
  } catch (error) {
    throw storageError(error, dir) ?? error
  }
}

/** The caller holds the lock. Everything is looked at before anything is written. */
async function bringUp(options: NodeUpOptions): Promise<{ node: ManagedNode; created: boolean }> {
  const {
    onProgress: say = () => {},
    keepSeed = async () => {},
    seedFile,
    signal = new AbortController().signal,
  } = options
  const nodes = listManaged(options.home)
  const known = nodes.find(({ name }) => name === options.name)
  const node = await plan(options, nodes, known)
  const files = daemonFiles(node)
  requireOwnFolder(node)
  if (seedFile && !hasWallet(node) && !pendingSeed(node.dir, seedFile)) refuseExisting(seedFile)
  if (runningDaemon(files) === undefined) await requireFreePorts(node)
  await requireBackend(node, known, options.btcd)
  saveManaged(node)
  keptPassword(node)
  const changed = writeConfig(node, options.btcd)
  if (runningDaemon(files) !== undefined && (changed || (await isMakingWallet(node)))) {
    say('restart')
    await nodeDown(node)
  }
  if (runningDaemon(files) === undefined) {
    say('start')
    mendCertificate(node)
    await startDaemon(node.program, [`--lnddir=${node.dir}`], files)
  }
  say('open')
  const keep: KeepSeed = async (words) => {
    if (seedFile) keepSeedFile(node.dir, seedFile, words)
    await keepSeed(words)
  }
  const kept = seedFile === undefined ? undefined : pendingSeed(node.dir, seedFile)
  const created = await openWallet(node, keep, signal, kept)
  forgetPending(node.dir)
  await requireOwnChain(node)
  say('access')
  await bakeMissing(node)
  return { node, created }
}

/** What the node is to be, from what it was and what is asked for. Nothing is written yet. */
async function plan(
  options: NodeUpOptions,
  nodes: readonly ManagedNode[],
  known: ManagedNode | undefined,
): Promise<ManagedNode> {
  const { home, name } = options
  if (known && options.network) {
    requireSameNetwork(
      { what: `node ${name}`, network: known.network },
      { what: 'the node asked for (give it another name)', network: options.network },
    )
  }
  const taken = new Set(nodes.flatMap(({ rpcPort, peerPort }) => [rpcPort, peerPort]))
  const portOf = async (asked: number | undefined, had: number | undefined): Promise<number> => {
    const port = asked ?? had ?? (await findPort(taken))
    taken.add(port)
    return port
  }
  const network = known?.network ?? options.network ?? 'regtest'
  const chainPeers = options.chainPeers?.map(checkPeer) ?? known?.chainPeers ?? []
  const backend = options.backend ?? known?.backend ?? 'neutrino'
  const program = options.program ?? known?.program
  if (!program) throw new StreamError('option-invalid', 'a new node needs the path of lnd')
  if (NETWORKS[network].private && backend === 'neutrino' && chainPeers.length === 0) {
    throw new StreamError('option-invalid', `a light client on ${network} finds no peer by itself: name one`)
  }
  return {
    name,
    network,
    backend,
    chainPeers: [...chainPeers],
    offline: options.offline ?? known?.offline ?? false,
    program,
    lab: options.lab ?? known?.lab ?? false,
    rpcPort: await portOf(options.rpcPort, known?.rpcPort),
    peerPort: await portOf(options.peerPort, known?.peerPort),
    dir: nodeFolder(home, name),
  }
}

/** @returns whether lnd.conf was another before */
function writeConfig(node: ManagedNode, btcd: BtcdAccess | undefined): boolean {
  const file = join(node.dir, 'lnd.conf')
  const rpc = node.backend === 'btcd' ? (btcd ?? keptBtcd(node)) : undefined
  const text = lndConfig({
    ...node,
    passwordFile: passwordFile(node),
    offline: node.offline === true,
    chain: rpc ? { kind: 'btcd', rpc } : { kind: 'neutrino', peers: node.chainPeers },
  })
  if (rpc) writeWhole(join(node.dir, BTCD), `${JSON.stringify(rpc, null, 2)}\n`)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  if (before !== text) writeWhole(file, text)
  return before !== undefined && before !== text
}

/** Kept beside the record and not in it, since it holds a password and records are shown. */
const BTCD = 'btcd.json'

function keptBtcd({ dir, name }: ManagedNode): BtcdAccess {
  const file = join(dir, BTCD)
  if (!existsSync(file)) throw new StreamError('option-invalid', `node ${name} does not know its btcd yet: name it`)
  return JSON.parse(readFileSync(file, 'utf8')) as BtcdAccess
}

/**
 * Before LND starts: a node of another network is never asked. One that is known already may be away for a while, and a new
 * one must be there.
 */
async function requireBackend(node: ManagedNode, known: ManagedNode | undefined, btcd?: BtcdAccess): Promise<void> {
  const isNew = node.chainPeers.some((peer) => !known?.chainPeers.includes(peer)) || btcd !== undefined
  const runs = runningDaemon(daemonFiles(node)) !== undefined
  if (node.offline || (runs && !isNew)) return
  const owner = `node ${node.name}`
  try {
    if (node.backend === 'btcd') await requireBtcdOf(btcd ?? keptBtcd(node), node.network, owner)
    else await requireChainPeers(node.chainPeers, node.network, owner)
  } catch (error) {
    const isAway = error instanceof StreamError && error.code === 'chain-unreachable'
    if (!isAway || isNew) throw error
  }
}

/** LND's own word, and the first block of the chain that it follows. @throws StreamError `network-mismatch` */
async function requireOwnChain(node: ManagedNode): Promise<void> {
  const { lnd, close } = await openAdmin(lndOptionsOf(node, 'admin'))
  try {
    const { blocks } = lnd as unknown as { readonly blocks: ChainKit }
    const hash = await new Promise<Buffer>((resolve, reject) => {
      blocks.getBlockHash({ block_height: 0 }, { deadline: Date.now() + 10_000 }, (error, answer) =>
        error ? reject(error) : resolve(answer.block_hash),
      )
    })
    requireGenesisOf(Buffer.from(hash).reverse().toString('hex'), `the chain of node ${node.name}`, {
      what: `node ${node.name}`,
      network: node.network,
    })
  } finally {
    close()
  }
}

/** The part of npm `lightning`'s connection that its types leave out: `getBlock` would fetch the block from a peer. */
interface ChainKit {
  getBlockHash(
    request: { readonly block_height: number },
    options: { readonly deadline: number },
    done: (error: unknown, answer: { readonly block_hash: Buffer }) => void,
  ): void
}

/** Streams use these and never the admin macaroon. */
async function bakeMissing(node: ManagedNode): Promise<void> {
  for (const role of ['buyer', 'seller'] as const) {
    const file = macaroonOf(node, role)
    if (existsSync(file)) continue
    const { bytes } = await bakeMacaroon(lndOptionsOf(node, 'admin'), role, true)
    writeWhole(file, bytes)
  }
}
