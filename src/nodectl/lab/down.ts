import { existsSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { chainRuns, findChain, stopChain } from '../chain/chain.ts'
import { nodeDown } from '../managed/down.ts'
import { requireOwnFolder } from '../managed/files.ts'
import { nodeFolder } from '../managed/record.ts'
import { labFolder, withLab } from './folder.ts'
import { endStranded, findLabNode, guestsOf, LAB_NODES, type LabNodeName } from './nodes.ts'

export interface LabDown {
  /** What ran, and does no more: names of nodes, and `btcd`. */
  readonly ended: readonly string[]
  /** Folders that are gone. */
  readonly deleted: readonly string[]
  /** Nodes that are not the lab's, run on, and have lost their chain. */
  readonly guests: readonly string[]
}

/**
 * Ends every process of the lab; chain, wallets and channels stay for the next `lab up`, unless `purge`: then all of its files go,
 * and no others.
 * @throws StreamError `lab-busy`, `lab-failed`, `network-mismatch` (a folder of its name holds a wallet of another network),
 * `node-failed` (a process does not end)
 */
export async function labDown(home: string, { purge }: { readonly purge: boolean }): Promise<LabDown> {
  const folders = [...LAB_NODES.map(({ name }) => nodeFolder(home, name)), labFolder(home)].filter((dir) =>
    existsSync(dir),
  )
  if (folders.length === 0) return { ended: [], deleted: [], guests: [] }
  return withLab(home, async () => {
    // Found out about all of them before anything ends.
    for (const { name } of LAB_NODES) requireLabs(home, name)
    const peer = findChain(home)?.peer
    const ended = await endAll(home)
    const guests = peer === undefined ? [] : guestsOf(home, peer)
    if (!purge) return { ended, deleted: [], guests }
    for (const dir of folders) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    removeIfEmpty(join(home, 'nodes'))
    return { ended, deleted: folders, guests }
  })
}

/** A folder without a record is the lab's as well, of a command that was killed; but never one with another network's wallet. */
function requireLabs(home: string, name: LabNodeName): void {
  findLabNode(home, name)
  requireOwnFolder({ dir: nodeFolder(home, name), name, network: 'regtest' })
}

/** The nodes first: they write down where they are in the chain. */
async function endAll(home: string): Promise<string[]> {
  const chain = chainRuns(home)
  const ended = await Promise.all(LAB_NODES.map(async ({ name }) => ((await end(home, name, chain)) ? [name] : [])))
  await stopChain(home)
  return [...ended.flat(), ...(chain ? ['btcd'] : [])]
}

/** A node that was not made to its end has no record, and may run all the same. */
async function end(home: string, name: LabNodeName, chain: boolean): Promise<boolean> {
  const node = findLabNode(home, name)
  return node && chain ? (await nodeDown(node)) !== 'absent' : endStranded(nodeFolder(home, name))
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch {
    // Others' nodes are in it.
  }
}
