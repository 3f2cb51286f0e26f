import type { GetWalletInfoResult } from 'lightning'
import type { Network } from '../../money/network.ts'
import { NETWORKS } from '../networks/networks.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

type SyncFacts = Pick<GetWalletInfoResult, 'is_synced_to_chain' | 'is_synced_to_graph' | 'current_block_height'>

export function judgeSync(facts: SyncFacts, network: Network): Judgement {
  const height = `block ${facts.current_block_height.toLocaleString('en')}`
  if (!facts.is_synced_to_chain) {
    const todo = NETWORKS[network].private
      ? 'Mine a block: on a private chain LND counts as behind until a fresh one comes (`streampay lab mine 1`).'
      : 'Wait: `streampay node status` shows how far it is. If it stands still, it has no peer that serves its chain.'
    return problem('node-behind', `at ${height}, and behind its chain`, todo)
  }
  if (facts.is_synced_to_graph === false) {
    return warning(
      `at ${height}, in step with its chain; it still learns which channels there are`,
      'Wait some minutes: until then routes to others may be missing.',
    )
  }
  return ok(`at ${height}, in step with its chain, and knows the graph of channels`)
}
