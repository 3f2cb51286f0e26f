/*
 * Mutation tests of the code that holds the money: changes one place at a time, and sees whether a test fails. Ends with 1 if
 * a folder's tests miss more than they may. `npm run mutation [-- FOLDER …] [--json] [--fresh]`
 */
import { parseArgs } from 'node:util'
import { type FolderScore, LEAST_SCORE, printMutant, scoreFolder } from './mutation/score.ts'
import { mutate, useScratchFolder } from './mutation/stryker.ts'

const FOLDERS = ['money', 'terms', 'meter', 'window', 'ledger']
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, fresh: { type: 'boolean', default: false } },
})
const unknown = positionals.find((folder) => !FOLDERS.includes(folder))
if (unknown !== undefined) {
  console.error(`mutation knows ${FOLDERS.join(', ')}; not "${unknown}"`)
  process.exit(2)
}

useScratchFolder()
const folders = FOLDERS.filter((folder) => positionals.length === 0 || positionals.includes(folder))
const scores = new Map<string, FolderScore>()
const say = (text: string) => values.json || console.log(text)
for (const folder of folders) {
  say(`\n── src/${folder}`)
  const started = performance.now()
  const score = scoreFolder(await mutate({ folder, fresh: values.fresh, progress: !values.json }))
  scores.set(folder, score)
  say(score.survivors.map(printMutant).join('\n'))
  say(`── src/${folder}: ${describe(score)}, in ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

const mutants = sum(({ mutants }) => mutants)
const missed = sum(({ survivors }) => survivors.length)
const total = mutants === 0 ? 100 : Math.floor((1000 * (mutants - missed)) / mutants) / 10
const ok = [...scores.values()].every(({ score }) => score >= LEAST_SCORE)
if (values.json) {
  const rows = [...scores].map(([folder, { survivors, ...row }]) => [folder, { ...row, survived: survivors.length }])
  console.log(JSON.stringify({ ok, score: total, least: LEAST_SCORE, folders: Object.fromEntries(rows) }))
} else {
  console.log(`\n${[...scores].map(([folder, score]) => `${folder.padEnd(8)} ${describe(score)}`).join('\n')}`)
  console.log(`${ok ? 'ok' : 'NOT ENOUGH'}: ${total} % in all, at least ${LEAST_SCORE} % asked of each folder`)
}
process.exitCode = ok ? 0 : 1

function sum(of: (score: FolderScore) => number): number {
  return [...scores.values()].reduce((total, score) => total + of(score), 0)
}

function describe({ score, mutants, timedOut, excluded, survivors }: FolderScore): string {
  const noticed = `${score} % (${mutants - survivors.length} of ${mutants} noticed, ${timedOut} of them by limits)`
  return excluded === 0 ? noticed : `${noticed}, ${excluded} excluded`
}
