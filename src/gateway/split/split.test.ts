import { expect, it } from 'vitest'
import { createBuyer } from '../../buyer/buyer.ts'
import { temporaryFolder } from '../../ledger/testing/temporary.ts'
import { ScriptedNode, scriptedPair } from '../../lightning/testing/scripted.ts'
import { sat } from '../../money/msat.ts'
import { serve } from '../../seller/adapters/node.ts'
import { wall } from '../../seller/paywall.ts'
import { Seller } from '../../seller/seller.ts'
import { openSplit } from './config.ts'

const folder = temporaryFolder()

it('what a route delivers is divided, and the creator’s part arrives at the creator’s node', async () => {
  const nodes = scriptedPair()
  const creator = new ScriptedNode()
  nodes.seller.peers.push(creator)
  const split = openSplit(
    {
      splits: { films: { platform: 10, creator: 90 } },
      recipients: { creator: { node: 'creator', threshold: sat(1), intervalMs: 0 } },
    },
    { path: `${folder()}/payouts.db`, openNode: async () => creator },
  )
  const seller = new Seller({ node: nodes.seller, onEvent: (event) => split.onEvent(event) })
  await split.start(seller)
  const server = await serve(
    wall(seller, { price: '1 sat/byte', scope: 'films' })(() => new Response('x'.repeat(100))),
    { port: 0 },
  )
  const buyer = createBuyer({ node: nodes.buyer, max: '1000 sat', ahead: '30 sat' })
  await (await buyer.fetch(server.url)).text()
  await buyer.close()
  const arrived = () => creator.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  for (const end = Date.now() + 10_000; arrived() < 90_000n && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(arrived()).toBe(90_000n)
  await server.close(0)
  await seller.close()
  await split.close()
})

it('of the names of a split only one may be without a node', () => {
  const config = { splits: { films: { a: 1, b: 1 } }, recipients: {} }
  const parts = { path: `${folder()}/refused.db`, openNode: async () => new ScriptedNode() }
  expect(() => openSplit(config, parts)).toThrow(/no node/)
})
