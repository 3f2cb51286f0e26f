import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runNode } from './child.ts'
import { COUNTS_FILE, type FileCounts, NO_COUNTS } from './counts.ts'

export const KINDS = ['unit', 'e2e', 'lnd'] as const
export type Kind = (typeof KINDS)[number]

/** Runs the tests of one kind, all or those whose path contains one of `filters`. Never rejects: a run that breaks is a failure. */
export async function runVitest(kind: Kind, filters: readonly string[]): Promise<FileCounts[]> {
  const dir = mkdtempSync(path.join(tmpdir(), 'streampay-test-'))
  const file = path.join(dir, 'counts.json')
  try {
    const reporters = ['--reporter=default', `--reporter=${path.join(import.meta.dirname, 'counts.ts')}`]
    const args = ['run', '--project', kind, '--passWithNoTests', ...reporters, ...filters]
    const code = await runNode(['node_modules/vitest/vitest.mjs', ...args], { [COUNTS_FILE]: file })
    const counts = readCounts(file)
    // Without a single test file there is nothing to count; any other way to end without a failed test is a crash.
    const isCrash = code !== 0 && counts.every(({ failed }) => failed === 0)
    return isCrash ? [...counts, { ...NO_COUNTS, file: '', failed: 1 }] : counts
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function readCounts(file: string): FileCounts[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as FileCounts[]
  } catch {
    return []
  }
}
