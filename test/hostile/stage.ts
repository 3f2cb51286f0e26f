import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmbeddedNode, type EmbeddedNode } from '../../src/lightning/embedded/index.ts'
import { Purse } from './purse.ts'
import { type BuyerCalls, startBuyer } from './victims/buyer.ts'
import type { Victim } from './victims/process.ts'
import { type SellerCalls, startSeller } from './victims/seller.ts'

/**
 * Everything that attacks are made with: three real nodes on a private chain, in three processes. The attacker's is in this one,
 * and has a channel to each of the two victims.
 */
export interface Stage {
  /** `STREAMPAY_HOME` for commands: their nodes find the attacker's. */
  readonly home: string
  readonly node: EmbeddedNode
  readonly purse: Purse
  readonly seller: Victim<SellerCalls>
  readonly buyer: Victim<BuyerCalls>
  end(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-hostile-'))
  // Where the commands keep their embedded nodes.
  const chain = join(home, 'regtest')
  mkdirSync(chain, { mode: 0o700 })
  const node = await createEmbeddedNode({ home: chain, name: 'attacker' })
  const [seller, buyer] = await Promise.all([startSeller(chain), startBuyer(chain)])
  const { publicKey } = await node.info()
  await node.openChannelTo(await seller.calls.publicKey())
  await buyer.calls.connect(publicKey)
  return {
    home,
    node,
    purse: new Purse(node, publicKey),
    seller,
    buyer,
    async end() {
      await Promise.all([seller.end(), buyer.end()])
      await node.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
