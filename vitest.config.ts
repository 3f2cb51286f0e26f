import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { LongFirst } from './scripts/run/longFirst.ts'

/** Folders that hold tests; `python` has a runner of its own; `web` is tested from `test/browser`. */
const FOLDERS = '{src,test,scripts,bench,examples,lightning-net}'
const LND_NETWORK = 'lightning-net/shared.ts'
const COMPILE_CACHE = 'scripts/run/compileCache.ts'
const SECOND = 1000
/** What is waited for comes when it comes: a busy machine is no failure. */
const waiting = { poll: { timeout: 15 * SECOND } }

export default defineConfig({
  test: {
    // No retries of a test: one that fails sometimes has found something. `--again` of `scripts/test.ts` names what it has.
    retry: 0,
    teardownTimeout: 60 * SECOND,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        test: {
          name: 'unit',
          expect: waiting,
          include: [`${FOLDERS}/**/*.{test,property}.ts`],
          // Only ends what would hang: on a machine with twelve jobs for each core the largest generated cases take 100 s.
          testTimeout: 240 * SECOND,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Real nodes and processes, about 200 MB a node: two files at a time fill a two-core machine.
        test: {
          name: 'e2e',
          expect: waiting,
          include: [`${FOLDERS}/**/*.e2e.ts`],
          globalSetup: [COMPILE_CACHE],
          testTimeout: 90 * SECOND,
          hookTimeout: 60 * SECOND,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Each worker has a network of LND nodes, which serves its files one after the other: they share balances and the chain's height.
        test: {
          name: 'lnd',
          expect: waiting,
          include: [`${FOLDERS}/**/*.lnd.ts`],
          globalSetup: existsSync(LND_NETWORK) ? [COMPILE_CACHE, LND_NETWORK] : [COMPILE_CACHE],
          testTimeout: 180 * SECOND,
          hookTimeout: 180 * SECOND,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
