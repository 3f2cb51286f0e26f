import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Network } from '../../money/network.ts'
import { findChain } from '../chain/chain.ts'
import type { BtcdAccess } from '../managed/config.ts'
import type { ManagedNode } from '../managed/record.ts'
import { findLnd, type ProgramSearch } from '../programs/find.ts'
import { ensureChain } from './chain.ts'

/** What `node up` was told of a node's chain. */
export interface ChainWish {
  readonly network: Network
  readonly backend: ManagedNode['backend']
  /** A node that is there already. */
  readonly known?: Pick<ManagedNode, 'chainPeers'> | undefined
  readonly chainPeers?: readonly string[] | undefined
  readonly btcd?: BtcdAccess | undefined
  readonly offline?: boolean | undefined
}

/**
 * Whether a node lives on the private chain of this machine: a new one on regtest that is told no other, and one that has lived there.
 * @param peer `127.0.0.1:PORT` of that chain, if there is one
 * @param btcdPort of the RPC that the known node has used so far
 */
export function livesOnLabChain(wish: ChainWish, peer?: string, rpcPort?: number, btcdPort?: number): boolean {
  const { network, backend, known, chainPeers, btcd, offline } = wish
  if (network !== 'regtest' || offline) return false
  if (backend === 'btcd') return btcd ? btcd.port === rpcPort : !known || btcdPort === undefined || btcdPort === rpcPort
  const peers = chainPeers ?? known?.chainPeers ?? []
  return peers.length === 0 || (peer !== undefined && peers.includes(peer))
}

/**
 * The private chain for a node that lives on it, started when it does not run; `undefined` for any other node.
 * @param dir the node's folder
 * @throws StreamError `program-…`, `lab-failed`, `lab-busy`, `disk-full`
 * @example
 * const chain = await provideChain(home, nodeFolder(home, 'regtest'), { network: 'regtest', backend: 'neutrino' }, search)
 * await nodeUp({ home, name: 'regtest', program, ...chain })
 */
export async function provideChain(
  home: string,
  dir: string,
  wish: ChainWish,
  search: ProgramSearch,
): Promise<{ readonly chainPeers?: readonly string[]; readonly btcd?: BtcdAccess }> {
  const before = findChain(home)
  if (!livesOnLabChain(wish, before?.peer, before?.rpc.port, usedBtcd(dir))) return {}
  const { peer, rpc } = await ensureChain(home, search)
  return wish.backend === 'btcd' ? { btcd: rpc } : { chainPeers: [peer] }
}

function usedBtcd(dir: string): number | undefined {
  const file = join(dir, 'btcd.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as BtcdAccess).port : undefined
}

/**
 * The lnd to start a node with; `undefined` for the one that made it.
 * @throws StreamError `program-missing`, `program-unfit`, `program-build-failed`
 */
export async function provideLnd(
  named: string | undefined,
  known: Pick<ManagedNode, 'program'> | undefined,
  search: ProgramSearch,
): Promise<string | undefined> {
  if (named !== undefined) return (await findLnd({ ...search, path: named })).path
  return known && existsSync(known.program) ? undefined : (await findLnd(search)).path
}
