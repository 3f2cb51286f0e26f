/*
 * What needs no test to run: types, lint, the layer rules, and the package as it would be published.
 */
import { CHECKS, type CheckName, runCheck } from './run/checks.ts'
import { sumOf } from './run/counts.ts'
import { runVitest } from './run/vitest.ts'

const failed: string[] = []
for (const name of Object.keys(CHECKS) as CheckName[]) {
  if (!(await runCheck(name))) failed.push(name)
}
if (sumOf(await runVitest('e2e', ['test/consumers'])).failed > 0) failed.push('package')
console.log(failed.length === 0 ? 'All checks pass.' : `Failed: ${failed.join(', ')}`)
process.exitCode ??= failed.length === 0 ? 0 : 1
