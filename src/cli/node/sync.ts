import { setTimeout as sleep } from 'node:timers/promises'
import { StreamError } from '../../errors/error.ts'
import { runningDaemon } from '../../nodectl/daemon/daemon.ts'
import { daemonFiles } from '../../nodectl/managed/files.ts'
import type { ManagedNode } from '../../nodectl/managed/record.ts'
import { isWorthWaiting, liveStatus } from '../../nodectl/managed/status.ts'
import { drawProgress, estimateMs, type SyncSample } from '../../nodectl/managed/sync.ts'
import { endOf } from '../../nodectl/managed/wallet.ts'
import { dim } from '../output/colour.ts'
import type { Output } from '../output/output.ts'

/** `waiting`: the time was up, or nothing more comes of waiting here. */
export type SyncEnd = 'done' | 'waiting' | 'interrupted'

const LOOK_MS = 500
/** An estimate needs the last minute, and no more. */
const KEPT = 240

/**
 * Follows a node until it is in step with its chain, for so long at the most. The node goes on by itself.
 * @throws StreamError when LND ends meanwhile
 */
export async function followSync(
  node: ManagedNode,
  waitMs: number,
  signal: AbortSignal,
  output: Output,
): Promise<SyncEnd> {
  const samples: SyncSample[] = []
  let told = ''
  for (const end = Date.now() + waitMs; ; await sleep(LOOK_MS, undefined, { signal }).catch(() => {})) {
    const progress = await look(node)
    if (progress) {
      samples.push({ ...progress, atMs: Date.now() })
      if (samples.length > KEPT) samples.shift()
      const now = `${progress.phase} ${progress.height}`
      if (now !== told) output.event('sync', { ...progress, etaMs: estimateMs(samples) })
      told = now
      output.live([dim(drawProgress(samples))])
    }
    const over = signal.aborted
      ? 'interrupted'
      : progress?.phase === 'done'
        ? 'done'
        : Date.now() >= end || (progress && !isWorthWaiting(node, progress))
          ? 'waiting'
          : undefined
    if (!over) continue
    output.live([])
    output.say(dim(drawProgress(samples)))
    return over
  }
}

/** `undefined` while it is too busy to answer. */
async function look(node: ManagedNode) {
  try {
    return (await liveStatus(node)).progress
  } catch (error) {
    if (runningDaemon(daemonFiles(node)) === undefined) throw endOf(node)
    if (error instanceof StreamError && error.code === 'node-unreachable') return undefined
    throw error
  }
}
