import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLndNode } from '../../src/lightning/lnd/index.ts'
import { labDown } from '../../src/nodectl/lab/down.ts'
import { labUp } from '../../src/nodectl/lab/up.ts'
import { lndOptionsOf, readManaged } from '../../src/nodectl/managed/record.ts'
import { guardLab } from '../../test/lab/guarded.ts'
import type { CrowdNodes } from './pair.ts'

/** The lab's two LNDs, in a state home of their own that goes with them. */
export async function labNodes(say: (line: string) => void): Promise<CrowdNodes> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-crowd-'))
  const guarded = guardLab(home)
  guarded.clear(home)
  const close = async (): Promise<void> => {
    await labDown(home, { purge: true })
    guarded.end()
    rmSync(home, { recursive: true, force: true })
  }
  try {
    await labUp({ home, env: process.env, onStep: (step) => say(`lab: ${step} …`), onProgress: say })
  } catch (error) {
    await close()
    throw error
  }
  const [alice, bob] = ['lab-alice', 'lab-bob'].map((name) => readManaged(home, name))
  const open = async () => {
    const [buyer, seller] = await Promise.all([alice!, bob!].map((node) => createLndNode(lndOptionsOf(node, 'admin'))))
    return { buyer: buyer!, seller: seller! }
  }
  return {
    sellers: 'lab-bob',
    home,
    buyers: { kind: 'lnd', options: lndOptionsOf(alice!, 'buyer') },
    pids: guarded.pids(),
    open,
    close,
  }
}
