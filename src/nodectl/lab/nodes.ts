import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../../errors/error.ts'
import { type Msat, minus, msat, sat } from '../../money/msat.ts'
import { type Admin, ask, openAdmin } from '../admin.ts'
import { endDaemon, runningDaemon, signalDaemon } from '../daemon/daemon.ts'
import { daemonFiles } from '../managed/files.ts'
import { listManaged, lndOptionsOf, type ManagedNode, nodeFolder, readManaged } from '../managed/record.ts'

/** The nodes of every lab. Alice opens the channel to bob. */
export const LAB_NODES = [
  { name: 'lab-alice', backend: 'btcd' },
  { name: 'lab-bob', backend: 'neutrino' },
] as const satisfies readonly Pick<ManagedNode, 'name' | 'backend'>[]

export type LabNodeName = (typeof LAB_NODES)[number]['name']

const STRANDED_MS = 3000
const POLL_MS = 50

/** A channel of a lab node, as this node sees it. */
export interface LabChannel {
  /** `480x1x0`, as LND numbers channels. */
  readonly id: string
  readonly peer: string
  readonly capacity: Msat
  readonly local: Msat
  readonly remote: Msat
  /** What a side has to keep in the channel (BOLT 2, `channel_reserve_satoshis`). */
  readonly localReserve: Msat
  readonly remoteReserve: Msat
  readonly active: boolean
}

/** A lab node that answers. */
export interface LiveLabNode {
  readonly name: LabNodeName
  readonly publicKey: string
  readonly height: number
  readonly synced: boolean
  /** Confirmed, outside of channels. */
  readonly coins: Msat
  readonly channels: readonly LabChannel[]
}

/**
 * A node of the lab; `undefined` if it was not made yet.
 * @throws StreamError `lab-failed` when a node of this name is not the lab's, `node-corrupt`
 */
export function findLabNode(home: string, name: LabNodeName): ManagedNode | undefined {
  if (!existsSync(join(nodeFolder(home, name), 'node.json'))) return undefined
  const node = readManaged(home, name)
  if (node.lab) return node
  throw new StreamError('lab-failed', `there is a node ${name} that was not made by \`lab up\`; it is left alone`, {
    node: name,
  })
}

export const nodeRuns = (node: ManagedNode): boolean => runningDaemon(daemonFiles(node)) !== undefined

/**
 * Ends a node whose btcd is gone. LND would wait for it half a minute, whether it is asked or told to end; it can stand a SIGKILL.
 * @returns whether it ran
 */
export async function endStranded(dir: string): Promise<boolean> {
  const files = daemonFiles({ dir })
  if (runningDaemon(files) === undefined) return false
  signalDaemon(files, 'SIGTERM')
  for (const end = Date.now() + STRANDED_MS; Date.now() < end; await sleep(POLL_MS)) {
    if (runningDaemon(files) === undefined) return true
  }
  signalDaemon(files, 'SIGKILL')
  await endDaemon(files)
  return true
}

/** Nodes of others that use the lab's chain, and run: without it they stand still. */
export const guestsOf = (home: string, peer: string): string[] =>
  listManaged(home)
    .filter((node) => !node.lab && node.network === 'regtest' && nodeRuns(node))
    .filter((node) => node.backend === 'btcd' || node.chainPeers.includes(peer))
    .map(({ name }) => name)

/** Opens connections for an operator, and closes them when the work is done. */
export async function withAdmins<T>(nodes: readonly ManagedNode[], work: (admins: Admin[]) => Promise<T>): Promise<T> {
  const opened = await Promise.allSettled(nodes.map((node) => openAdmin(lndOptionsOf(node, 'admin'))))
  const admins = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  try {
    const failed = opened.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
    return await work(admins)
  } finally {
    for (const admin of admins) admin.close()
  }
}

/** How a node is. @throws StreamError `node-…` */
export async function lookAt(name: LabNodeName, { lnd, publicKey }: Admin): Promise<LiveLabNode> {
  const { getChainBalance, getChannels, getWalletInfo } = await import('lightning')
  const [info, { chain_balance }, { channels }] = await ask(
    `asking ${name} how it is`,
    Promise.all([getWalletInfo({ lnd }), getChainBalance({ lnd }), getChannels({ lnd })]),
  )
  return {
    name,
    publicKey,
    height: info.current_block_height,
    synced: info.is_synced_to_chain,
    coins: sat(BigInt(chain_balance)),
    channels: channels.map((channel) => ({
      id: channel.id,
      peer: channel.partner_public_key,
      capacity: sat(BigInt(channel.capacity)),
      local: sat(BigInt(channel.local_balance)),
      remote: sat(BigInt(channel.remote_balance)),
      localReserve: sat(BigInt(channel.local_reserve)),
      remoteReserve: sat(BigInt(channel.remote_reserve)),
      active: channel.is_active,
    })),
  }
}

/** What its active channels can send and receive, without the reserves. */
export function liquidityOf({ channels }: LiveLabNode): { readonly out: Msat; readonly in: Msat } {
  const active = channels.filter((channel) => channel.active)
  const total = (amount: (channel: LabChannel) => Msat): Msat =>
    msat(active.reduce((sum, channel) => sum + amount(channel), 0n))
  return {
    out: total(({ local, localReserve }) => minus(local, localReserve)),
    in: total(({ remote, remoteReserve }) => minus(remote, remoteReserve)),
  }
}
