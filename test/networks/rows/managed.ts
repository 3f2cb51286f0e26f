import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Network } from '../../../src/money/network.ts'
import { nodeFolder } from '../../../src/nodectl/managed/record.ts'
import { nodeUp } from '../../../src/nodectl/managed/up.ts'
import { NETWORK_NAMES, NETWORKS } from '../../../src/nodectl/networks/networks.ts'
import { buildBinaries } from '../../../src/nodectl/programs/build.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { Member, World } from '../world.ts'
import { record } from './nodes.ts'

const WANTED = NETWORK_NAMES.map((network) => ({ network }))

/** `node up`, told to bring together what does not belong together. Nothing is started for it, and no wallet is made. */
export async function managed({ members, chains, dir }: World): Promise<Attempt[]> {
  const { lnd: program } = await buildBinaries()
  // An LND that is started in spite of all must not outlive the world: it would have nobody to ask, and nothing would end it.
  const up = (name: string, network: Network, more: Partial<Parameters<typeof nodeUp>[0]> = {}) =>
    nodeUp({ home: dir, name, network, program, offline: true, ...more })
  const ownPeers = (network: Network) => chains.filter((chain) => chain.network === network).map(({ p2p }) => p2p)
  return [
    ...crossings(WANTED, members).map(([{ network }, member]) => ({
      mix: 'node up --network × node of that name',
      by: 'guard' as const,
      network: member.network,
      owner: network,
      attempt: () => up(record(dir, member, member.network), network),
    })),
    ...crossings(members, WANTED).map(([member, { network: owner }]) => ({
      mix: "another network's folder × node up",
      by: 'guard' as const,
      network: member.network,
      owner,
      attempt: () => up(bring(dir, member, owner), owner, { chainPeers: ownPeers(owner) }),
    })),
    ...crossings(chains, WANTED).map(([{ network, p2p }, { network: owner }]) => ({
      mix: 'node up --chain-peer × Bitcoin node',
      by: 'guard' as const,
      network,
      owner,
      attempt: () => up(`${owner}-by-${network}`, owner, { offline: false, chainPeers: [p2p] }),
    })),
  ]
}

/** A folder of a node that has another's data in it: wallet, headers, macaroons. */
function bring(home: string, { options, network }: Member, owner: Network): string {
  const name = `${owner}-has-${network}`
  const to = join(nodeFolder(home, name), 'data', 'chain', 'bitcoin', NETWORKS[network].lndName)
  mkdirSync(to, { recursive: true })
  cpSync(dirname(options.macaroon), to, { recursive: true })
  return name
}
