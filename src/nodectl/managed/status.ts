import { StreamError } from '../../errors/error.ts'
import { openAdmin } from '../admin.ts'
import { runningDaemon } from '../daemon/daemon.ts'
import { NETWORKS } from '../networks/networks.ts'
import { daemonFiles, logFile, tailOf } from './files.ts'
import { lndOptionsOf, type ManagedNode } from './record.ts'
import { readProgress, type SyncInfo, type SyncProgress } from './sync.ts'
import { walletState } from './wallet.ts'

/** `starting`: LND runs and takes no calls yet. `no-wallet`: it waits for one, which `node up` makes. */
export type NodeState = 'stopped' | 'starting' | 'no-wallet' | 'syncing' | 'ready'

/** What can be told of an LND that takes calls. */
export interface LiveStatus {
  readonly publicKey: string
  readonly alias: string
  readonly version: string
  readonly progress: SyncProgress
  readonly syncedToChain: boolean
  readonly syncedToGraph: boolean
  readonly peers: number
  readonly channels: { readonly active: number; readonly inactive: number; readonly pending: number }
}

export interface NodeStatus {
  readonly node: ManagedNode
  readonly state: NodeState
  /** Of the process, while it runs. */
  readonly pid?: number
  readonly live?: LiveStatus
  /** Why it takes no calls although it runs, or cannot be asked. */
  readonly trouble?: StreamError
}

interface Info extends SyncInfo {
  readonly num_active_channels: number
  readonly num_inactive_channels: number
  readonly num_pending_channels: number
}

const CALL_MS = 10_000
/** Enough of the log for what a light client has said since it last found a peer. */
const LOG_BYTES = 262_144

/**
 * What a managed node is doing. Never rejects for a node that is down or stuck: that is its status.
 * @example (await nodeStatus(readManaged(home, 'alice'))).state // 'ready'
 */
export async function nodeStatus(node: ManagedNode): Promise<NodeStatus> {
  const pid = runningDaemon(daemonFiles(node))
  if (pid === undefined) return { node, state: 'stopped' }
  try {
    const wallet = await walletState(node)
    if (wallet !== 'open') return { node, pid, state: wallet === 'absent' ? 'no-wallet' : 'starting' }
    const live = await liveStatus(node)
    return { node, pid, state: live.progress.phase === 'done' ? 'ready' : 'syncing', live }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    return { node, pid, state: 'starting', trouble: error }
  }
}

/** @throws StreamError `node-unreachable`, `node-denied`, `node-spec-invalid`, `network-mismatch` */
export async function liveStatus(node: ManagedNode): Promise<LiveStatus> {
  const { lnd, publicKey, alias, version, close } = await openAdmin(lndOptionsOf(node, 'admin'))
  try {
    // Of the raw answer: npm `lightning` leaves out what some of its parts say.
    const info = await new Promise<Info>((resolve, reject) => {
      lnd.default.getInfo({}, { deadline: Date.now() + CALL_MS }, (error: unknown, answer: Info) =>
        error ? reject(error) : resolve(answer),
      )
    })
    return {
      publicKey,
      alias,
      version,
      progress: progressOf(node, info),
      syncedToChain: info.synced_to_chain,
      syncedToGraph: info.synced_to_graph,
      peers: info.num_peers,
      channels: {
        active: info.num_active_channels,
        inactive: info.num_inactive_channels,
        pending: info.num_pending_channels,
      },
    }
  } finally {
    close()
  }
}

const progressOf = (node: ManagedNode, info: SyncInfo): SyncProgress =>
  readProgress(info, tailOf(logFile(node), LOG_BYTES).split('\n'), node.backend === 'neutrino', Date.now())

/** Whether it comes closer to the chain's present if one waits: not where nobody is asked, and not where nobody mines. */
export const isWorthWaiting = ({ network, offline }: ManagedNode, { phase }: SyncProgress): boolean =>
  phase !== 'done' && !(phase === 'stale' && NETWORKS[network].private) && !(offline && !NETWORKS[network].private)
