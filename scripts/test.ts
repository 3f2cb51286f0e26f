/*
 * Runs every check and every test, in order of what they cost, and ends with one line of sums.
 * `--only types,lint,layers,unit,e2e,lnd` picks some; other arguments filter test files by their path.
 * `--again`: of the tests with real processes and clocks (e2e, lnd), the few files that failed run once more, alone; what passes
 * only then is named at the end. For a machine that others use at the same time.
 */
import { parseArgs } from 'node:util'
import { printer } from '../lightning-net/printer.ts'
import { buildBinaries, canRun } from '../src/nodectl/programs/build.ts'
import { pythonWithTools } from '../test/python/venv.ts'
import { runAgain } from './run/again.ts'
import { CHECKS, type CheckName, runCheck } from './run/checks.ts'
import { type Counts, NO_COUNTS, sumOf } from './run/counts.ts'
import { KINDS, type Kind, runVitest } from './run/vitest.ts'

const checks = Object.keys(CHECKS) as CheckName[]
const steps = [...checks, ...KINDS]
const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true }, again: { type: 'boolean', default: false } },
})
const only = values.only?.flatMap((list) => list.split(','))
const unknown = only?.find((name) => !steps.some((step) => step === name))
if (unknown !== undefined) {
  console.error(`--only knows ${steps.join(', ')}; not "${unknown}"`)
  process.exit(2)
}

const results: Counts[] = []
const failed: string[] = []
const unsteady: string[] = []
for (const step of steps) {
  if (only && !only.includes(step)) continue
  const started = performance.now()
  console.log(`\n── ${step}`)
  const counts = isKind(step) ? await runTests(step) : await runOneCheck(step)
  if (process.exitCode !== undefined) break
  results.push(counts)
  if (counts.failed > 0) failed.push(`${step}: ${counts.failed}`)
  console.log(`── ${step}: ${counts.failed === 0 ? 'done' : 'FAILED'} in ${seconds(performance.now() - started)}`)
}
const sums = sumOf(results)
if (sums.skipped.length > 0) console.log(`\nSkipped:\n${tally(sums.skipped).join('\n')}`)
if (unsteady.length > 0) console.log(`\nUnsteady, passed only when run again:\n  ${unsteady.join('\n  ')}`)
if (failed.length > 0) console.log(`\nFailed: ${[failed.join(', '), ...sums.failures].join('\n  ')}`)
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped.length} skipped`)
process.exitCode ??= sums.failed > 0 ? 1 : 0

function isKind(step: string): step is Kind {
  return KINDS.some((kind) => kind === step)
}

async function runOneCheck(name: CheckName): Promise<Counts> {
  const passed = await runCheck(name)
  return { ...NO_COUNTS, passed: passed ? 1 : 0, failed: passed ? 0 : 1 }
}

async function runTests(kind: Kind): Promise<Counts> {
  // The programs are built here and not by the tests' set-up, so that six minutes of building are seen and not timed out.
  if (kind === 'lnd' && canRun().ok) {
    try {
      await buildBinaries(printer())
    } catch (error) {
      console.error(error)
      return { ...NO_COUNTS, failed: 1, failures: ['the programs could not be built'] }
    }
  }
  // So is the environment of the Python package's tests, which comes from the network.
  if (kind === 'e2e' && filters.length === 0) pythonWithTools()
  const first = await runVitest(kind, filters)
  if (!values.again || kind === 'unit') return sumOf(first)
  const second = await runAgain(first, (files) => runVitest(kind, files))
  unsteady.push(...second.unsteady)
  return sumOf(second.counts)
}

/** One line for each reason, with how many tests it kept from running. */
function tally(reasons: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, count]) => `  ${count} × ${reason}`)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
