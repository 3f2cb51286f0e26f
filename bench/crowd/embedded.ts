import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmbeddedNode } from '../../src/lightning/embedded/index.ts'
import type { CrowdNodes } from './pair.ts'

/** Two embedded nodes, where the command keeps those of `--node embedded`. */
export async function embeddedNodes(): Promise<CrowdNodes> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-crowd-'))
  const chain = join(home, 'regtest')
  const open = async () => {
    const start = (name: string) => createEmbeddedNode({ home: chain, name })
    const [seller, buyer] = await Promise.all([start('seller'), start('buyer')])
    await buyer.openChannelTo((await seller.info()).publicKey)
    return { buyer, seller }
  }
  const { buyer, seller } = await open()
  const { publicKey: payee } = await seller.info()
  await Promise.all([buyer.close(), seller.close()])
  return {
    sellers: 'embedded',
    home,
    buyers: { kind: 'embedded', home: chain, name: 'buyer', payee },
    pids: [],
    open,
    close: async () => rmSync(home, { recursive: true, force: true }),
  }
}
