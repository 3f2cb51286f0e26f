import { existsSync } from 'node:fs'
import { StreamError } from '../../errors/error.ts'
import { chainRuns, type PrivateChain, startChain } from '../chain/chain.ts'
import { freePorts } from '../chain/ports.ts'
import { type ManagedNode, nodeFolder } from '../managed/record.ts'
import { nodeUp } from '../managed/up.ts'
import { findBtcd, findLnd, type ProgramSearch } from '../programs/find.ts'
import { haveChannel } from './channel.ts'
import { haveCoins } from './coins.ts'
import { withLab } from './folder.ts'
import { endStranded, findLabNode, LAB_NODES, withAdmins } from './nodes.ts'
import { type LabStatus, labHints, labStatus } from './status.ts'

/** What `lab up` does, in this order. */
export type LabStep = 'programs' | 'chain' | 'nodes' | 'coins' | 'channel'

export interface LabUpOptions {
  /** `stateHome()`. */
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  /** Path of `lnd`; found or built when absent. */
  readonly lnd?: string | undefined
  /** Told what is about to be done. */
  readonly onStep?: (step: LabStep) => void
  /** Told how building goes, where it has to be done. */
  readonly onProgress?: (line: string) => void
}

/** Of the ports between those of the chain and those that other nodes find for themselves. */
const NODE_PORTS = [16_000, 18_000] as const

/**
 * Brings the lab of a state home up: a private chain, and two funded nodes with a channel between them, one of them a light client.
 * Everything outlives this process. It may be called again at any time, and finishes whatever an earlier call, or a kill of any of
 * the processes, left; when the lab is up and well, it does nothing.
 * @returns how the lab is, and whether anything was done
 * @throws StreamError `program-…`, `lab-failed`, `lab-busy`, `node-…`, `disk-full`
 * @example const { status } = await labUp({ home: stateHome(), env: process.env })
 */
export const labUp = (options: LabUpOptions): Promise<{ status: LabStatus; changed: boolean }> =>
  withLab(options.home, async () => {
    const before = await labStatus(options.home)
    if (labHints(before).length === 0) return { status: before, changed: false }
    await bringUp(options)
    const status = await labStatus(options.home)
    const [hint] = labHints(status)
    if (hint) throw new StreamError('lab-failed', hint)
    return { status, changed: true }
  })

async function bringUp({ home, env, lnd, onStep = () => {}, onProgress = () => {} }: LabUpOptions): Promise<void> {
  const search: ProgramSearch = { env, onProgress }
  onStep('programs')
  const known = LAB_NODES.map(({ name }) => findLabNode(home, name))
  const program = await programOf(known, lnd, search)
  if (known.some((node) => !node)) await findBtcd(search)
  onStep('chain')
  // A node must not meet a btcd that has just begun to get its blocks back: for that moment it has none.
  if (!chainRuns(home)) await Promise.all(LAB_NODES.map(({ name }) => endStranded(nodeFolder(home, name))))
  const chain = await startChain(home, search)
  onStep('nodes')
  const nodes = await startNodes(home, chain, program)
  const lab = { home, chain, nodes }
  await withAdmins(nodes, async (admins) => {
    const [alice, bob] = admins
    onStep('coins')
    await haveCoins(lab, admins)
    onStep('channel')
    await haveChannel(lab, alice!, bob!, `127.0.0.1:${nodes[1]!.peerPort}`)
  })
}

/** The one that made the nodes, unless another is named or it is gone. */
async function programOf(
  known: readonly (ManagedNode | undefined)[],
  named: string | undefined,
  search: ProgramSearch,
): Promise<string> {
  const made = known.find((node) => node)?.program
  if (named === undefined && made !== undefined && existsSync(made)) return made
  return (await findLnd({ ...search, ...(named !== undefined && { path: named }) })).path
}

/** Both at once. Their ports are chosen together: two that are looked for at once could be the same. */
async function startNodes(home: string, chain: PrivateChain, program: string): Promise<ManagedNode[]> {
  const ports = await freePorts(LAB_NODES.length * 2, undefined, NODE_PORTS)
  const started = await Promise.allSettled(
    LAB_NODES.map(async ({ name, backend }, i) => {
      const own = { rpcPort: ports[2 * i]!, peerPort: ports[2 * i + 1]! }
      const { node } = await nodeUp({
        home,
        name,
        network: 'regtest',
        backend,
        lab: true,
        program,
        chainPeers: backend === 'neutrino' ? [chain.peer] : [],
        ...(backend === 'btcd' && { btcd: chain.rpc }),
        ...(!findLabNode(home, name) && own),
      })
      return node
    }),
  )
  const failed = started.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
