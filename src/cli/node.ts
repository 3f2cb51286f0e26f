import { join } from 'node:path'
import { StreamError } from '../errors/error.ts'
import type { LightningNode } from '../lightning/node.ts'
import { isNodeName, lndOptionsOf, readManaged } from '../nodectl/managed/record.ts'
import { stateFolder, stateHome } from './state.ts'

/** How many embedded nodes of one role may run side by side before a further one is refused. */
const MAX_SIDE_BY_SIDE = 8

/**
 * Opens the node that `--node` names: `embedded`, `lnd`, `lnd:DIR[@HOST:PORT]`, `nwc:FILE`, or one that `streampay node up` made, by its
 * name and with the macaroon that was baked for the role. Backends are loaded only when used.
 * @throws StreamError `node-spec-invalid`, `node-…`
 */
export async function openNode(spec: string, role: 'seller' | 'buyer'): Promise<LightningNode> {
  if (spec === 'embedded') return openEmbedded(role)
  if (spec === 'lnd' || spec.startsWith('lnd:')) {
    const { createLndNode, parseLndSpec } = await import('../lightning/lnd/index.ts')
    return createLndNode(parseLndSpec(spec))
  }
  if (/^nwc:|walletconnect/i.test(spec)) {
    const { createNwcNode, parseNwcSpec } = await import('../lightning/nwc/index.ts')
    return createNwcNode({ file: parseNwcSpec(spec), folder: stateFolder(stateHome(), 'nwc'), role })
  }
  if (isNodeName(spec)) {
    const node = readManaged(stateHome(), spec)
    const { createLndNode } = await import('../lightning/lnd/index.ts')
    return createLndNode(lndOptionsOf(node, role))
  }
  throw new StreamError('node-spec-invalid', `"${spec}" is not the name of a node`)
}

/** A node on this machine's private chain. If the role's first node runs already, the next one is taken. */
async function openEmbedded(role: string): Promise<LightningNode> {
  const { createEmbeddedNode } = await import('../lightning/embedded/index.ts')
  const home = stateFolder(join(stateHome(), 'regtest'))
  for (let number = 1; ; number++) {
    try {
      return await createEmbeddedNode({ home, name: number === 1 ? role : `${role}-${number}` })
    } catch (error) {
      const busy = error instanceof StreamError && error.code === 'node-busy'
      if (!busy || number >= MAX_SIDE_BY_SIDE) throw error
    }
  }
}
