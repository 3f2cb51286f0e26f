import { createBuyer } from '../../../src/buyer/index.ts'
import { createLndNode } from '../../../src/lightning/lnd/index.ts'
import { serve } from '../../../src/seller/adapters/node.ts'
import { paywall } from '../../../src/seller/paywall.ts'
import { type Attempt, crossings } from '../attempt.ts'
import type { Member, World } from '../world.ts'

/** Every node sells a stream, and the nodes of all other networks would buy it. */
export async function offers({ members }: World): Promise<{ attempts: Attempt[]; end: () => Promise<void> }> {
  const shops = await Promise.all(members.map(open))
  const attempts = crossings(shops, members).map(([{ network, url }, { options, network: owner }]) => ({
    mix: 'offer of a seller × node of a buyer',
    by: 'guard' as const,
    network,
    owner,
    attempt: async () => {
      const node = await createLndNode(options)
      const buyer = createBuyer({ node, max: '100 sat' })
      try {
        const response = await buyer.fetch(url)
        await response.arrayBuffer()
      } finally {
        await buyer.close().catch(() => {})
        await node.close()
      }
    },
  }))
  return { attempts, end: async () => void (await Promise.all(shops.map(({ close }) => close()))) }
}

async function open({ options, network }: Member) {
  const node = await createLndNode(options)
  const wall = paywall({ node, price: '1 sat/KiB' })
  const server = await serve(
    wall(() => new Response('x'.repeat(5_000))),
    { port: 0 },
  )
  return {
    network,
    url: server.url,
    close: async () => {
      await server.close()
      await wall.close()
      await node.close()
    },
  }
}
