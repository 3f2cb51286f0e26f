import { createChainAddress, sendToChainAddress } from 'lightning'
import { ask } from '../../../src/nodectl/admin.ts'
import { estimateClose } from '../../../src/nodectl/channels/close.ts'
import { addressNetworks } from '../../../src/nodectl/networks/address.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { World } from '../world.ts'

/**
 * An address of each node, brought to all others: to be paid what a closed channel leaves, or by LND itself. Testnet and signet share theirs: such a pair is no crossing that anything could
 * tell, and is left out.
 */
export async function addresses({ members }: World): Promise<Attempt[]> {
  const things = await Promise.all(
    members.map(async ({ admin: { lnd }, network }) => {
      const { address } = await ask('making an address', createChainAddress({ lnd, format: 'p2tr' }))
      return { network, address }
    }),
  )
  return crossings(things, members)
    .filter(([{ address }, { network }]) => !addressNetworks(address).includes(network))
    .flatMap(([{ network, address }, { admin, network: owner }]) => [
      {
        mix: 'address × node',
        by: 'guard' as const,
        network,
        owner,
        attempt: () => estimateClose(admin, { channel: '1x1x1', to: address }),
      },
      {
        mix: 'address × node',
        by: 'LND' as const,
        network,
        owner,
        attempt: () => ask('sending coins', sendToChainAddress({ lnd: admin.lnd, address, tokens: 10_000 })),
      },
    ])
}
