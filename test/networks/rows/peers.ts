import { join } from 'node:path'
import { sat, ZERO } from '../../../src/money/msat.ts'
import { openChannel } from '../../../src/nodectl/channels/open.ts'
import { openRecords } from '../../../src/nodectl/channels/openRecord.ts'
import { parsePeer } from '../../../src/nodectl/peers/peersText.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { World } from '../world.ts'

/**
 * A peer on another chain. LND connects with it, since its `init` names no network; a channel with it is refused by the chain that it
 * would be on, before a coin is spent. Only the node on regtest has coins, and only nodes that follow a chain take peers.
 */
export function peers({ members, dir }: World): Attempt[] {
  const followed = members.filter(({ network }) => network === 'regtest' || network === 'simnet')
  const rich = members.filter(({ network }) => network === 'regtest')
  return crossings(followed, rich).map(([{ network, admin: other, peer: address }, { network: owner, admin }]) => ({
    mix: 'peer × node',
    by: 'guard' as const,
    network,
    owner,
    attempt: async () => {
      const peer = parsePeer(`${other.publicKey}@${address}`)
      const records = openRecords(join(dir, 'opens'))
      await openChannel(admin, { peer, amount: sat(1_000_000), push: ZERO, private: false, records })
    },
  }))
}
