/*
 * Runs the tests that the tables of `documents/` name, and says of each requirement whether it is held, differs on purpose, failed or is open.
 * `--json`: the last line is the sum, with all rows. It exits with 1 if one failed.
 */
import { parseArgs } from 'node:util'
import { DOCUMENTS } from './documents/index.ts'
import { type Judged, judge, sumOf } from './judge.ts'
import { placed } from './row.ts'
import { runNamed } from './run.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const rows = placed(DOCUMENTS)
const ran = await runNamed(rows.flatMap(({ tests }) => tests))
const judged = rows.map((row) => judge(row, ran))
const sum = sumOf(judged)

if (values.json) {
  const { open, ...counts } = sum
  say(JSON.stringify({ ...counts, open, rows: judged.map(toJson) }))
} else {
  for (const { scheme, title } of DOCUMENTS) {
    say(`\n${title}`)
    for (const one of judged) if (one.row.scheme === scheme) say(lineOf(one))
  }
  const { requirements, held, differsOnPurpose, failed, open } = sum
  say(
    `\n${requirements} requirements: ${held} held, ${differsOnPurpose} differ on purpose, ${failed} failed, ${open} open`,
  )
}
process.exitCode = sum.failed === 0 ? 0 : 1

function toJson({ row, result, reason }: Judged) {
  const { scheme, section, level, side, requirement, tests, differs } = row
  const test = tests.map(({ file, name }) => `${file}: ${name}`).join('; ')
  const more = { ...(differs !== undefined && { differs }), ...(reason !== undefined && { reason }) }
  return { scheme, section, level, side, requirement, test, result, ...more }
}

function lineOf({ row, result, reason }: Judged): string {
  const { section, level, side, requirement } = row
  const why = reason === undefined ? '' : ` (${reason})`
  return `${result.padEnd(8)}${level.padEnd(11)}${side.padEnd(7)} ${section}: ${requirement}${why}`
}
