import { chainHeight, chainRuns, findChain } from '../chain/chain.ts'
import { findLabNode, LAB_NODES, type LabNodeName, type LiveLabNode, lookAt, nodeRuns, withAdmins } from './nodes.ts'

/** `absent`: not made yet. `silent`: its LND runs and does not answer, as when it starts. */
export type LabNodeState = 'absent' | 'down' | 'silent' | 'up'

export interface LabNodeStatus {
  readonly name: LabNodeName
  readonly backend: 'btcd' | 'neutrino'
  readonly state: LabNodeState
  readonly live?: LiveLabNode
  /** Why it does not answer. */
  readonly reason?: string
}

export interface LabStatus {
  /** `absent` when there is no lab at all. */
  readonly chain: 'absent' | 'down' | 'up'
  /** Blocks of the chain, while it is up. */
  readonly height?: number
  readonly nodes: readonly LabNodeStatus[]
}

/**
 * How the lab of a state home is. Looks only; it may be called while another command is at work.
 * @throws StreamError `lab-failed` (its files cannot be read, or a node of its name is another's)
 * @example (await labStatus(stateHome())).nodes[0].live?.synced
 */
export async function labStatus(home: string): Promise<LabStatus> {
  const chain = findChain(home)
  const runs = chain !== undefined && chainRuns(home)
  const [nodes, height] = await Promise.all([
    Promise.all(LAB_NODES.map(({ name, backend }) => nodeStatus(home, name, backend, runs))),
    runs ? chainHeight(chain).catch(() => undefined) : undefined,
  ])
  return {
    chain: chain ? (runs ? 'up' : 'down') : 'absent',
    ...(height !== undefined && { height }),
    nodes,
  }
}

async function nodeStatus(
  home: string,
  name: LabNodeName,
  backend: LabNodeStatus['backend'],
  chainUp: boolean,
): Promise<LabNodeStatus> {
  const node = findLabNode(home, name)
  if (!node) return { name, backend, state: 'absent' }
  if (!nodeRuns(node)) return { name, backend, state: 'down' }
  // It would not answer without its btcd, and take ten seconds for that.
  if (backend === 'btcd' && !chainUp) return { name, backend, state: 'silent', reason: 'its chain is down' }
  try {
    return { name, backend, state: 'up', live: await withAdmins([node], ([admin]) => lookAt(name, admin!)) }
  } catch (error) {
    return { name, backend, state: 'silent', reason: (error as Error).message }
  }
}

export const isRunning = ({ chain, nodes }: LabStatus): boolean =>
  chain === 'up' || nodes.some(({ state }) => state === 'up' || state === 'silent')

/** What is wrong with the lab, and what to do about it, for people; nothing when all is well. */
export function labHints(status: LabStatus): string[] {
  const { chain, nodes } = status
  if (!isRunning(status))
    return [chain === 'absent' ? 'there is no lab: `streampay lab up`' : 'it is down: `streampay lab up`']
  const live = nodes.flatMap((node) => node.live ?? [])
  if (chain === 'down' || live.length < nodes.length) return ['a part of it has ended: `streampay lab up` repairs it']
  const hints: string[] = []
  // LND calls a chain that has had no block for two hours not synced, and then takes no channel and pays nobody.
  if (live.some(({ synced }) => !synced)) {
    hints.push('a node waits for a block, as it does after two hours without one: `streampay lab mine 1`')
  }
  if (!live.some(({ channels }) => channels.some(({ active }) => active))) {
    hints.push('no channel is usable: `streampay lab up` sees to it')
  }
  return hints
}
