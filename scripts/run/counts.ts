import { writeFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** What came of some tests. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  /** What failed, by its file and full name, with the first line of why: also when the report itself has scrolled away. */
  readonly failures: readonly string[]
  /** Why each skipped test was skipped: its note, beside the name of its group, which tells the reason for all of them. */
  readonly skipped: readonly string[]
}

/** What came of the tests of one file. What failed outside of any file has `file: ''`. */
export interface FileCounts extends Counts {
  readonly file: string
}

export const NO_COUNTS: Counts = { passed: 0, failed: 0, failures: [], skipped: [] }

export function sumOf(all: readonly Counts[]): Counts {
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    failures: all.flatMap(({ failures }) => failures),
    skipped: all.flatMap(({ skipped }) => skipped),
  }
}

/** Where the counts go: set by `scripts/test.ts`. */
export const COUNTS_FILE = 'STREAMPAY_TEST_COUNTS'

/** Counts beside the default reporter: also files that do not load and hooks that fail, and the reasons of skips. */
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const outside = { ...NO_COUNTS, file: '', failed: unhandled.length, failures: unhandled.map(why) }
    const counts: FileCounts[] = [...modules.map(count), ...(unhandled.length > 0 ? [outside] : [])]
    const file = process.env[COUNTS_FILE]
    if (file) writeFileSync(file, JSON.stringify(counts))
  }
}

function count(module: TestModule): FileCounts {
  const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
  const failures = broken.map((suite) => failure(module, 'fullName' in suite ? suite.fullName : '', suite.errors()))
  const skipped: string[] = []
  let passed = 0
  let failed = broken.length
  for (const test of module.children.allTests()) {
    const result = test.result()
    if (result.state === 'passed') passed++
    else if (result.state === 'failed') {
      failed++
      failures.push(failure(module, test.fullName, result.errors))
    }
    // A test that a failed hook or an interrupt kept from running passed nothing.
    else if (result.state === 'pending') failed++
    else skipped.push(`${test.fullName.split(' > ')[0]}${result.note ? `: ${result.note}` : ''}`)
  }
  return { file: module.relativeModuleId, passed, failed, failures, skipped }
}

function failure(module: TestModule, name: string, errors: readonly SerializedError[]): string {
  const reason = errors[0] ? why(errors[0]) : 'no reason told'
  return `${module.relativeModuleId}${name ? ` > ${name}` : ''}\n      ${reason}`
}

function why(error: SerializedError): string {
  const [line = ''] = String(error.message).split('\n')
  return line.slice(0, 400)
}
