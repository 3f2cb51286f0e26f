import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ROOT } from '../../scripts/run/child.ts'
import { KINDS, type Kind } from '../../scripts/run/vitest.ts'
import type { Ran } from './judge.ts'
import { pattern } from './names.ts'
import type { NamedTest } from './row.ts'

const ENDINGS: Readonly<Record<Kind, RegExp>> = {
  unit: /\.(?:test|property)\.ts$/,
  e2e: /\.e2e\.ts$/,
  lnd: /\.lnd\.ts$/,
}

/** Runs the named tests, one kind after the other, and tells what became of each. What they say goes to stderr. */
export async function runNamed(tests: readonly NamedTest[]): Promise<Ran[]> {
  const ran: Ran[] = []
  for (const kind of KINDS) {
    const own = tests.filter(({ file }) => ENDINGS[kind].test(file))
    if (own.length > 0) ran.push(...(await runKind(kind, own)))
  }
  return ran
}

async function runKind(kind: Kind, tests: readonly NamedTest[]): Promise<Ran[]> {
  const dir = mkdtempSync(path.join(tmpdir(), 'streampay-conformance-'))
  try {
    const file = path.join(dir, 'results.json')
    const names = pattern(tests.map(({ name }) => name))
    const files = [...new Set(tests.map((test) => test.file))]
    await vitest([
      'run',
      '--project',
      kind,
      '-t',
      names,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...files,
    ])
    return read(file)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function vitest(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  const end = () => void child.kill('SIGTERM')
  process.once('SIGINT', end).once('SIGTERM', end)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      process.off('SIGINT', end).off('SIGTERM', end)
      resolve()
    })
  })
}

/** What a failed hook or an interrupt kept from running is `pending`, and shows nothing. */
const STATUS: Readonly<Record<string, Ran['status']>> = { passed: 'passed', skipped: 'skipped', todo: 'skipped' }

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }>
  }>
}

/** Without a report every name is one without a test: a run that broke off shows nothing. */
function read(file: string): Ran[] {
  let report: Report
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return []
  }
  return report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => ({
      file: path.relative(ROOT, name).replaceAll(path.sep, '/'),
      path: [...ancestorTitles, title],
      status: STATUS[status] ?? 'failed',
    })),
  )
}
