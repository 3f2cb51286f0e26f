import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmbeddedNode, type EmbeddedNode, type EmbeddedOptions } from '../index.ts'

export interface EmbeddedPair {
  readonly seller: EmbeddedNode
  readonly buyer: EmbeddedNode
  readonly home: string
  /** Closes both nodes and deletes their home. */
  close(): Promise<void>
}

/** Two embedded nodes on a private chain of their own, with a usable channel that either can pay through. */
export async function embeddedPair(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPair> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-'))
  const start = (name: string) => createEmbeddedNode({ home, name, ...options })
  const [seller, buyer] = await Promise.all([start('seller'), start('buyer')])
  await buyer.openChannelTo((await seller.info()).publicKey)
  return {
    seller,
    buyer,
    home,
    async close() {
      await Promise.all([seller.close(), buyer.close()])
      rmSync(home, { recursive: true, force: true })
    },
  }
}
