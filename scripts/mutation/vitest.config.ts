import path from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const FEWER_CASES = path.join(import.meta.dirname, 'fewerCases.ts')

/** Examples before generated cases, and what breaks files page by page last: most mutants fall to an example, in a millisecond. */
class ExamplesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const cost = ({ moduleId }: TestSpecification) =>
      ['.property.ts', '/damage.test.ts'].findIndex((ending) => moduleId.endsWith(ending))
    return [...files].sort((a, b) => cost(a) - cost(b))
  }
}

/** The unit tests below the folder that Stryker names as `dir`. */
export default defineConfig({
  plugins: [
    {
      name: 'fewer-cases',
      enforce: 'pre',
      resolveId: (id, importer) => (id === 'fast-check' && importer !== FEWER_CASES ? FEWER_CASES : undefined),
    },
  ],
  test: {
    include: ['**/*.{test,property}.ts'],
    // Mounts disks of its own, which a mutant that is ended in the middle would leave behind.
    exclude: [...configDefaults.exclude, '**/disk.test.ts'],
    sequence: { sequencer: ExamplesFirst },
    retry: 0,
    // A mutant that leaves somebody waiting costs this long; the tests take milliseconds.
    testTimeout: 5000,
  },
})
