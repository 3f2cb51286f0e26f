/*
 * Attacks a real seller as a hostile buyer and a real buyer as a hostile seller, and measures what each attack wins against
 * what the protocol promises. `--json`: a line for each attack, and a last one with the sum. `--only NAME` picks some.
 */
import { parseArgs } from 'node:util'
import { ATTACKS } from './attacks.ts'
import { runAll } from './runner.ts'
import { openStage } from './stage.ts'
import { lineOf } from './table.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string', multiple: true } } })
const unknown = values.only?.find((name) => !ATTACKS.some((attack) => attack.name === name))
if (unknown !== undefined) {
  process.stderr.write(`no attack ${unknown}; there are ${ATTACKS.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const chosen = ATTACKS.filter(({ name }) => values.only?.includes(name) ?? true)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const stage = await openStage()
try {
  const rows = await runAll(chosen, stage, (row) => say(values.json ? JSON.stringify(row) : lineOf(row)))
  const held = rows.filter((row) => row.held).length
  const ok = held === chosen.length
  say(values.json ? JSON.stringify({ ok, attacks: chosen.length, held }) : `${held} of ${chosen.length} attacks held`)
  process.exitCode = ok ? 0 : 1
} finally {
  await stage.end()
}
process.exit()
