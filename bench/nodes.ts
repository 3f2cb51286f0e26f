import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LightningNet, startLightningNet } from '../lightning-net/network.ts'
import { createEmbeddedNode } from '../src/lightning/embedded/index.ts'
import { createLndNode, parseLndSpec } from '../src/lightning/lnd/index.ts'
import type { LightningNode } from '../src/lightning/node.ts'
import { canRun } from '../src/nodectl/programs/build.ts'

/** A buyer's node in this process, and what a seller's process opens: two real nodes with a channel. */
export interface Pair {
  readonly buyer: LightningNode
  readonly sellerSpec: string
  /** Called once the seller's node runs: makes sure that a channel to it is there. */
  connect(publicKey: string): Promise<void>
  close(): Promise<void>
}

export async function openBenchNode(spec: string, name: string): Promise<LightningNode> {
  if (spec.startsWith('embedded:')) return createEmbeddedNode({ home: spec.slice('embedded:'.length), name })
  return createLndNode(parseLndSpec(spec))
}

/** Two embedded nodes on a chain of their own, which lies in `home`. */
export async function embeddedPair(): Promise<Pair & { readonly home: string }> {
  const home = mkdtempSync(join(tmpdir(), 'streampay-bench-'))
  const buyer = await createEmbeddedNode({ home, name: 'buyer' })
  return {
    home,
    buyer,
    sellerSpec: `embedded:${home}`,
    connect: (publicKey) => buyer.openChannelTo(publicKey),
    close: async () => {
      await buyer.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

let net: Promise<LightningNet> | undefined

/** Why there are no LND nodes here; `undefined` if there are. */
export function lndMissing(): string | undefined {
  const can = canRun()
  return can.ok ? undefined : can.reason
}

/** Two LNDs, the buyer's on btcd, the seller's on neutrino; started once for all figures. */
export async function lndPair(): Promise<Pair> {
  net ??= startLightningNet({ onProgress: (line) => process.stderr.write(`  ${line}\n`) })
  const { alice, bob } = await net
  return {
    buyer: await createLndNode(alice),
    sellerSpec: bob.spec,
    connect: async () => {},
    close: async () => {},
  }
}

export async function stopLndNet(): Promise<void> {
  await (await net)?.stop()
}
