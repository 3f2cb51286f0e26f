import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runNode } from './child.ts'
import { COUNTS_FILE, type Counts } from './counts.ts'

export const KINDS = ['unit', 'e2e', 'lnd'] as const
export type Kind = (typeof KINDS)[number]

/** Runs the tests of one kind, all or those whose path contains one of `filters`. Never rejects: a run that breaks is a failure. */
export async function runVitest(kind: Kind, filters: readonly string[]): Promise<Counts> {
  const dir = mkdtempSync(path.join(tmpdir(), 'streampay-test-'))
  const file = path.join(dir, 'counts.json')
  try {
    const reporters = ['--reporter=default', `--reporter=${path.join(import.meta.dirname, 'counts.ts')}`]
    const args = ['run', '--project', kind, '--passWithNoTests', ...reporters, ...filters]
    const code = await runNode(['node_modules/vitest/vitest.mjs', ...args], { [COUNTS_FILE]: file })
    const counts = readCounts(file, code)
    if (code !== 0 && counts.failed === 0) counts.failed = 1
    return counts
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function readCounts(file: string, code: number): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts
  } catch {
    // Without a single test file there is nothing to count; any other way to end without counts is a crash.
    return { passed: 0, failed: code === 0 ? 0 : 1, failures: [], skipped: [] }
  }
}
