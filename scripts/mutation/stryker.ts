import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Stryker } from '@stryker-mutator/core'
import { ROOT } from '../run/child.ts'
import type { Mutant } from './score.ts'

type LogLevel = NonNullable<ConstructorParameters<typeof Stryker>[0]['logLevel']>

const KEPT = path.join('.cache', 'mutation')

export interface MutationRun {
  readonly folder: string
  /** Forget what earlier runs found. */
  readonly fresh: boolean
  /** Print progress to stdout. */
  readonly progress: boolean
}

/**
 * Mutates `src/<folder>` and runs that folder's own unit tests on each mutant, in a copy of the sources. What was found is kept,
 * and found again only where a source or a test of the folder has changed.
 * @throws if a test fails without any mutant
 */
export async function mutate({ folder, fresh, progress }: MutationRun): Promise<readonly Mutant[]> {
  process.chdir(ROOT)
  const kept = path.join(KEPT, `${folder}.json`)
  if (existsSync(kept)) writeFileSync(kept, forgetStaticSurvivors(readFileSync(kept, 'utf8')))
  const reporter = process.stdout.isTTY ? 'progress' : 'progress-append-only'
  const stryker = new Stryker({
    mutate: [`src/${folder}/**/*.ts`, '!**/*.{test,property,contract,e2e,lnd}.ts', '!**/testing/**'],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'scripts/mutation/vitest.config.ts', dir: `src/${folder}`, related: false, pool: 'threads' },
    coverageAnalysis: 'perTest',
    // No tsconfig.json: Stryker would rewrite it with the API that TypeScript has no more, and Vite strips types without one.
    ignorePatterns: ['**', '!src/**', '!test/**', '!scripts/**', '!spec/**', '!package.json'],
    tempDirName: path.join(KEPT, 'copy'),
    cleanTempDir: 'always',
    incremental: true,
    incrementalFile: kept,
    force: fresh,
    concurrency: 1,
    // Endless loops are stopped by Stryker's count of steps; these are so large that a busy machine does not pass for one.
    timeoutMS: 30_000,
    timeoutFactor: 4,
    reporters: progress ? [reporter] : [],
    logLevel: 'error' as LogLevel,
    warnings: false,
  })
  return (await stryker.runMutationTest()).map((result) => ({
    ...result,
    fileName: path.relative(ROOT, result.fileName),
  }))
}

/**
 * Has tests write to a folder that is gone with this process, whatever mutants leave behind; in memory where a system has such a
 * place, as thousands of short-lived databases need no disk.
 */
export function useScratchFolder(): void {
  const memory = '/dev/shm'
  const folder = mkdtempSync(path.join(existsSync(memory) ? memory : tmpdir(), 'streampay-mutation-'))
  process.env.TMPDIR = folder
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
}

interface Kept {
  readonly files: Record<string, { mutants: ReadonlyArray<{ readonly static?: boolean; readonly status: string }> }>
}

/**
 * Stryker cannot tell which tests concern code that runs once, when its file is loaded, and so would call a mutant there
 * a survivor for ever, whatever tests are added.
 */
function forgetStaticSurvivors(text: string): string {
  const kept = JSON.parse(text) as Kept
  for (const file of Object.values(kept.files)) {
    file.mutants = file.mutants.filter((mutant) => !mutant.static || mutant.status !== 'Survived')
  }
  return JSON.stringify(kept)
}
