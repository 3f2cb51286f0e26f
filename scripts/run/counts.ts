import { writeFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

export interface Counts {
  passed: number
  failed: number
  /** What failed, by its file and full name, with the first line of why: also when the report itself has scrolled away. */
  readonly failures: string[]
  /** Why each skipped test was skipped: its note, beside the name of its group, which tells the reason for all of them. */
  readonly skipped: string[]
}

/** Where the counts go: set by `scripts/test.ts`. */
export const COUNTS_FILE = 'STREAMPAY_TEST_COUNTS'

/** Counts beside the default reporter: also files that do not load and hooks that fail, and the reasons of skips. */
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts: Counts = { passed: 0, failed: unhandled.length, failures: unhandled.map(why), skipped: [] }
    for (const module of modules) count(module, counts)
    const file = process.env[COUNTS_FILE]
    if (file) writeFileSync(file, JSON.stringify(counts))
  }
}

function count(module: TestModule, counts: Counts): void {
  const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0)
  counts.failed += broken.length
  for (const suite of broken) fail(counts, module, 'fullName' in suite ? suite.fullName : '', suite.errors())
  for (const test of module.children.allTests()) {
    const result = test.result()
    if (result.state === 'passed') counts.passed++
    else if (result.state === 'failed') {
      counts.failed++
      fail(counts, module, test.fullName, result.errors)
    }
    // A test that a failed hook or an interrupt kept from running passed nothing.
    else if (result.state === 'pending') counts.failed++
    else counts.skipped.push(`${test.fullName.split(' > ')[0]}${result.note ? `: ${result.note}` : ''}`)
  }
}

function fail(counts: Counts, module: TestModule, name: string, errors: readonly SerializedError[]): void {
  const reason = errors[0] ? why(errors[0]) : 'no reason told'
  counts.failures.push(`${module.relativeModuleId}${name ? ` > ${name}` : ''}\n      ${reason}`)
}

function why(error: SerializedError): string {
  const [line = ''] = String(error.message).split('\n')
  return line.slice(0, 400)
}
