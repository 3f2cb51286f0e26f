import path from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that run for a minute or more. Vitest begins with the files of most bytes, and some of these are short ones that start a whole
 * program: left to the end, one worker would wait for the other.
 */
const LONG = [
  'test/python/package.e2e.ts',
  'test/hostile/hostile.e2e.ts',
  'test/crash/crash.e2e.ts',
  'bench/market/market.e2e.ts',
  'test/crash/crash.lnd.ts',
  'test/nodes/up.lnd.ts',
  'test/networks/networks.lnd.ts',
  'test/lab/lab.lnd.ts',
  'test/soak/soak.lnd.ts',
  'bench/crowd/crowd.lnd.ts',
  'test/faults/money.lnd.ts',
]

/** For vitest's `sequence.sequencer`: the long files first, in the order above, and then the others as vitest has them. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification): number => {
      const at = LONG.indexOf(path.relative(project.vitest.config.root, moduleId))
      return at === -1 ? LONG.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}
