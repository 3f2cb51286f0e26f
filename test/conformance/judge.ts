import { isNamed } from './names.ts'
import type { NamedTest, Placed } from './row.ts'

export type Result = 'held' | 'differs' | 'failed' | 'open'

/** One test that ran, or was left out by its own file for what this machine lacks. */
export interface Ran {
  /** From the root of the repository, with `/`. */
  readonly file: string
  readonly path: readonly string[]
  readonly status: 'passed' | 'failed' | 'skipped'
}

export interface Judged {
  readonly row: Placed
  readonly result: Result
  /** Of what did not hold: why. */
  readonly reason?: string
}

/**
 * What this run says of a row. It is held, or differs on purpose, when every test that it names is there, ran and passed: a name without a test fails, and a
 * test that this machine cannot run leaves the row open.
 */
export function judge(row: Placed, ran: readonly Ran[]): Judged {
  const found = row.tests.map((test) => ({ test, outcome: outcomeOf(test, ran) }))
  const worst = (outcome: Outcome) => found.find((one) => one.outcome === outcome)?.test.name
  for (const [outcome, words] of FAILURES) {
    const name = worst(outcome)
    if (name !== undefined) return { row, result: 'failed', reason: `${words}: ${name}` }
  }
  const skipped = worst('skipped')
  if (skipped !== undefined) return { row, result: 'open', reason: `not run here: ${skipped}` }
  if (row.tests.length === 0) return { row, result: 'open', reason: 'no test shows it yet' }
  return { row, result: row.differs === undefined ? 'held' : 'differs' }
}

type Outcome = Ran['status'] | 'absent'

const FAILURES: ReadonlyArray<readonly [Outcome, string]> = [
  ['absent', 'no such test'],
  ['failed', 'failed'],
]

function outcomeOf({ file, name }: NamedTest, ran: readonly Ran[]): Outcome {
  const cases = ran.filter((one) => one.file === file && isNamed(name, one.path))
  if (cases.length === 0) return 'absent'
  if (cases.some(({ status }) => status === 'failed')) return 'failed'
  return cases.every(({ status }) => status === 'passed') ? 'passed' : 'skipped'
}

export interface Sum {
  readonly requirements: number
  readonly held: number
  readonly differsOnPurpose: number
  readonly failed: number
  readonly open: number
}

export function sumOf(judged: readonly Judged[]): Sum {
  const count = (result: Result) => judged.filter((one) => one.result === result).length
  return {
    requirements: judged.length,
    held: count('held'),
    differsOnPurpose: count('differs'),
    failed: count('failed'),
    open: count('open'),
  }
}
