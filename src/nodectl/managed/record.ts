import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StreamError } from '../../errors/error.ts'
import type { LndOptions } from '../../lightning/lnd/index.ts'
import { NETWORK_NAMES, NETWORKS } from '../networks/networks.ts'

/**
 * An LND that `streampay node up` made: what has to be known to start it again and to reach it. All of it lies in one folder,
 * `<home>/nodes/<name>`, with LND's own files: `lnd.conf`, `tls.cert`, `data/…`.
 */
export type ManagedNode = z.infer<typeof record> & {
  /** LND's own directory, `--lnddir`. Not in the record, so that the folder may be moved. */
  readonly dir: string
}

const port = z.number().int().min(1).max(65_535)
const record = z.object({
  name: z.string(),
  network: z.enum(NETWORK_NAMES as [(typeof NETWORK_NAMES)[number]]),
  backend: z.enum(['neutrino', 'btcd']),
  /** Where gRPC listens on loopback. */
  rpcPort: port,
  /** Where peers connect. */
  peerPort: port,
  /** `host:port` of the full nodes that a light client asks; none: it looks for them itself. */
  chainPeers: z.array(z.string()),
  /** It looks for no nodes by itself. */
  offline: z.boolean().optional(),
  /** Path of the `lnd` that made it. */
  program: z.string(),
  /** Part of the lab: on loopback only, its coins worth nothing. */
  lab: z.boolean(),
})

export type NodeRole = 'seller' | 'buyer' | 'admin'

const RECORD = 'node.json'
/** A name is a folder and a word on the command line. `embedded`, `lnd` and `nwc` are other kinds of node. */
const NAME = /^(?!(?:embedded|lnd|nwc)$)[a-z][a-z0-9-]{0,31}$/

/** Whether a word could name a managed node. */
export const isNodeName = (text: string): boolean => NAME.test(text)

export const nodeFolder = (home: string, name: string): string => join(home, 'nodes', name)

/** Every managed node of this user, by name. */
export function listManaged(home: string): ManagedNode[] {
  const folder = join(home, 'nodes')
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => isNodeName(name) && existsSync(join(folder, name, RECORD)))
  return names.sort().map((name) => readManaged(home, name))
}

/** @throws StreamError `node-spec-invalid` (there is none of this name), `node-corrupt` */
export function readManaged(home: string, name: string): ManagedNode {
  const dir = nodeFolder(home, name)
  const file = join(dir, RECORD)
  if (!isNodeName(name) || !existsSync(file)) {
    throw new StreamError(
      'node-spec-invalid',
      `there is no node "${name.slice(0, 40)}"; \`streampay node up\` makes one`,
    )
  }
  try {
    return { ...record.parse(JSON.parse(readFileSync(file, 'utf8'))), dir }
  } catch (error) {
    throw new StreamError('node-corrupt', `${file} cannot be read`, { file }, error)
  }
}

/** Written beside and renamed, so that a record is whole whenever this process is killed. */
export function saveManaged({ dir, ...node }: ManagedNode): void {
  const beside = join(dir, `${RECORD}.${process.pid}.new`)
  writeFileSync(beside, `${JSON.stringify(record.parse(node), null, 2)}\n`, { mode: 0o600 })
  renameSync(beside, join(dir, RECORD))
}

/** Path of the macaroon for a role: `seller` and `buyer` were baked by `node up` and can do nothing else. */
export function macaroonOf({ dir, network }: Pick<ManagedNode, 'dir' | 'network'>, role: NodeRole): string {
  return role === 'admin'
    ? join(dir, 'data', 'chain', 'bitcoin', NETWORKS[network].lndName, 'admin.macaroon')
    : join(dir, `${role}.macaroon`)
}

/** How to reach it as one of the roles; it must be on its network still. */
export function lndOptionsOf(node: ManagedNode, role: NodeRole): LndOptions {
  return {
    socket: `localhost:${node.rpcPort}`,
    cert: join(node.dir, 'tls.cert'),
    macaroon: macaroonOf(node, role),
    network: node.network,
  }
}
