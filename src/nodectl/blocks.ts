import type { Network } from '../money/network.ts'
import { NETWORKS } from './networks/networks.ts'

/** Bitcoin's aim; a single block may take an hour. */
const BLOCK_MINUTES = 10

/**
 * So many blocks as a time, roughly. On a private chain a block comes when somebody makes one.
 * @example blocksInWords(144, 'mainnet') === '144 blocks, about 24 hours'
 */
export function blocksInWords(blocks: number, network: Network): string {
  const count = `${blocks} block${blocks === 1 ? '' : 's'}`
  if (NETWORKS[network].private) return `${count} (\`streampay lab mine ${blocks}\`)`
  const minutes = blocks * BLOCK_MINUTES
  if (minutes < 120) return `${count}, about ${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours <= 48 ? `${count}, about ${hours} hours` : `${count}, about ${Math.round(hours / 24)} days`
}
