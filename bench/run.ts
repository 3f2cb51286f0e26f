import { parseArgs } from 'node:util'
import type { FigureResult } from './figure.ts'
import { FIGURES } from './figures/index.ts'
import { stopLndNet } from './nodes.ts'
import { printTable } from './table.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string', multiple: true } } })
const names = values.only ?? Object.keys(FIGURES)
const unknown = names.filter((name) => !(name in FIGURES))
if (unknown.length > 0) {
  process.stderr.write(`no figure ${unknown.join(', ')}; there are ${Object.keys(FIGURES).join(', ')}\n`)
  process.exit(2)
}

const figures: FigureResult[] = []
for (const name of names) {
  process.stderr.write(`measuring ${name} …\n`)
  try {
    figures.push(await FIGURES[name]!())
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    figures.push({ name, skipped: `failed: ${error instanceof Error ? error.message : String(error)}` })
    process.exitCode = 1
  }
}
await stopLndNet()
if (!values.json) printTable(figures)
else process.stdout.write(`${JSON.stringify({ figures })}\n`)
process.exit()
