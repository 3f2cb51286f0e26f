import { StreamError } from '../../../src/errors/error.ts'
import { createEmbeddedNode, type EmbeddedNode } from '../../../src/lightning/embedded/index.ts'
import { createLndNode, parseLndSpec } from '../../../src/lightning/lnd/index.ts'
import type { LightningNode } from '../../../src/lightning/node.ts'
import { sleep } from './clock.ts'
import type { Log } from './log.ts'
import { loggedNode } from './loggedNode.ts'

const LND_MS = 60_000
const PAUSE_MS = 500

export type SoakNode = LightningNode & Partial<Pick<EmbeddedNode, 'channels' | 'openChannelTo' | 'pausePayments'>>

/** Opens `embedded:HOME:NAME` or an LND by its spec; what it does with money is noted. */
export async function openNode(spec: string, log: Log): Promise<SoakNode> {
  const [, home, name] = /^embedded:(.+):([\w-]+)$/.exec(spec) ?? []
  if (home === undefined || name === undefined) return loggedNode(await openLnd(spec), log)
  // What an embedded node says of itself goes where the process's errors go.
  const say = (line: string): void => void process.stderr.write(`${name}: ${line}\n`)
  return loggedNode(await createEmbeddedNode({ home, name, log: say }), log)
}

/** Waits for an LND that was killed too and is still starting, as whoever keeps a process running would start it again. */
async function openLnd(spec: string): Promise<LightningNode> {
  for (const end = Date.now() + LND_MS; ; await sleep(PAUSE_MS)) {
    try {
      return await createLndNode(parseLndSpec(spec))
    } catch (error) {
      const starting = error instanceof StreamError && /^node-(unreachable|locked)$/.test(error.code)
      if (!starting || Date.now() > end) throw error
    }
  }
}

/**
 * What an embedded node's channels can receive: the other side's money, to the msat.
 * @throws Error while a channel is not usable, when it cannot be told
 */
export async function balanceOf(node: SoakNode): Promise<{ publicKey: string; canReceive: string }> {
  const { publicKey } = await node.info()
  const channels = (await node.channels?.()) ?? []
  if (channels.some(({ usable }) => !usable)) throw new Error('a channel is not usable')
  return { publicKey, canReceive: `${channels.reduce((sum, { canReceive }) => sum + canReceive, 0n)}` }
}
