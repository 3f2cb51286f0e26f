import { type PrivateChain, startChain } from '../chain/chain.ts'
import type { ProgramSearch } from '../programs/find.ts'
import { withLab } from './folder.ts'

/**
 * The private chain of a state home, for a node that is told no other: made or started when it does not run. It is the lab's, and
 * ends with `streampay lab down`.
 * @throws StreamError `program-…`, `lab-failed`, `lab-busy`, `disk-full`
 * @example
 * const { peer } = await ensureChain(stateHome(), { env: process.env })
 * await nodeUp({ home, name, network: 'regtest', chainPeers: [peer], program })
 */
export const ensureChain = (home: string, search: ProgramSearch): Promise<PrivateChain> =>
  withLab(home, () => startChain(home, search))
