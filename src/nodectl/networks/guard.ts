import { mismatch, type OnNetwork, requireSameNetwork } from '../../lightning/sameNetwork.ts'
import type { Network } from '../../money/network.ts'
import { addressNetworks } from './address.ts'
import { NETWORKS } from './networks.ts'

export { type OnNetwork, requireSameNetwork }

/**
 * Refuses an address of another network. Testnet and signet share their addresses, and regtest shares the old ones: such an
 * address passes on each of them.
 * @throws StreamError `address-invalid`, `network-mismatch`
 */
export function requireAddressOf(address: string, owner: OnNetwork): void {
  const networks = addressNetworks(address)
  if (networks.includes(owner.network)) return
  throw mismatch(
    `the address ${address} is on ${networks.join(' or ')}, and ${owner.what} on ${owner.network}`,
    networks.join(','),
    owner,
  )
}

/**
 * Refuses a chain whose first block is another network's.
 * @param genesis hash of block 0, as explorers print it
 * @throws StreamError `network-mismatch`
 */
export function requireGenesisOf(genesis: string, what: string, owner: OnNetwork): void {
  if (NETWORKS[owner.network].genesis.includes(genesis)) return
  const theirs = networkOfGenesis(genesis)
  throw mismatch(
    `${what} is on ${theirs ?? `a chain that begins with block ${genesis.slice(0, 16)}…`}, and ${owner.what} on ${owner.network}`,
    theirs ?? 'unknown',
    owner,
  )
}

/** The network that a chain is, by its first block; `undefined` for one that Stream does not know. */
export function networkOfGenesis(genesis: string): Network | undefined {
  return (Object.keys(NETWORKS) as Network[]).find((network) => NETWORKS[network].genesis.includes(genesis))
}
