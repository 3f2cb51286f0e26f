import { StreamError } from '../../errors/error.ts'
import { chainRuns, labStep, type PrivateChain } from '../chain/chain.ts'
import { until } from '../chain/wait.ts'
import type { ManagedNode } from '../managed/record.ts'
import { nodeRuns } from './nodes.ts'

/** A lab that is being brought up. */
export interface Lab {
  readonly home: string
  readonly chain: PrivateChain
  readonly nodes: readonly ManagedNode[]
}

const WAIT_MS = 90_000

/**
 * Tries until it succeeds, the time is over, or a program of the lab has ended.
 * @throws StreamError `lab-failed`
 */
export async function labUntil(lab: Lab, what: string, attempt: () => Promise<boolean>): Promise<void> {
  const outcome = await labStep(
    'the lab stands still',
    until(what, WAIT_MS, async () => ended(lab) ?? ((await attempt()) && 'done')),
  )
  if (outcome !== 'done') throw new StreamError('lab-failed', `${outcome} has ended`, { program: outcome })
}

function ended({ home, nodes }: Lab): string | undefined {
  return nodes.find((node) => !nodeRuns(node))?.name ?? (chainRuns(home) ? undefined : 'btcd')
}
