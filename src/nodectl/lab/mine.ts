import { StreamError } from '../../errors/error.ts'
import { chainRuns, findChain, mineBlocks } from '../chain/chain.ts'
import { withLab } from './folder.ts'

/** Block times run ahead of the clock when many are mined at once, and nodes take none of more than two hours ahead. */
export const MAX_BLOCKS = 1000

/**
 * Mines blocks on the lab's chain.
 * @param blocks 1 to `MAX_BLOCKS`
 * @returns the height then
 * @throws StreamError `option-invalid`, `lab-down`, `lab-failed`, `lab-busy`
 * @example await labMine(stateHome(), 6)
 */
export async function labMine(home: string, blocks: number): Promise<number> {
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > MAX_BLOCKS) {
    throw new StreamError('option-invalid', `blocks are mined 1 to ${MAX_BLOCKS} at a time`)
  }
  requireChain(home)
  return withLab(home, () => mineBlocks(requireChain(home), blocks))
}

function requireChain(home: string) {
  const chain = findChain(home)
  if (chain && chainRuns(home)) return chain
  throw new StreamError('lab-down', chain ? "the lab's btcd does not run" : 'there is no lab')
}
