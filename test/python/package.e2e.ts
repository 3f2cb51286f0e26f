import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PACKAGE, pythonWithPackage, run, runLong } from './venv.ts'

/*
 * The Python package as it is installed by pip: its own tests by pytest, with real daemons, gateways and embedded nodes; its types; and what is
 * published of it. Each test of pytest is one here.
 */

const PYTEST_MS = 1_200_000
const environment = pythonWithPackage()
const reason = 'missing' in environment ? environment.missing : undefined
const python = 'python' in environment ? environment.python : ''
const collected = reason === undefined ? collect() : []

function collect(): string[] {
  const { code, output } = run(python, [
    '-m',
    'pytest',
    '--collect-only',
    '-q',
    '-p',
    'no:cacheprovider',
    '-o',
    'addopts=',
  ])
  if (code !== 0) throw new Error(`pytest cannot read the tests:\n${output}`)
  return output.split('\n').filter((line) => line.includes('::'))
}

describe.skipIf(reason !== undefined)(
  `the Python package${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'streampay-python-'))
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    describe('its tests by pytest', () => {
      let outcomes: ReadonlyMap<string, string>
      let said = ''
      beforeAll(async () => {
        const report = join(folder, 'report.json')
        const args = ['-m', 'pytest', '-p', 'no:cacheprovider', '-p', 'tests.outcomes', '--outcomes', report]
        said = await runLong(python, args, PYTEST_MS)
        outcomes = new Map(Object.entries(JSON.parse(readFileSync(report, 'utf8'))))
      }, PYTEST_MS)

      test.each(collected)('%s', (name) => {
        expect(outcomes.get(name), said).toBe('passed')
      })
    })

    test('mypy --strict finds nothing', () => {
      expect(
        run(python, ['-m', 'mypy', '--strict', '--cache-dir', join(folder, 'mypy'), 'src', 'tests']).output,
      ).toMatch(/^Success: no issues found/)
    })

    test('wheel and sdist are built, of Python alone', () => {
      const built = run(python, ['-m', 'build', '--no-isolation', '--outdir', folder, PACKAGE], folder)
      expect(built.code, built.output).toBe(0)
      const files = readdirSync(folder).filter((file) => /\.(?:whl|gz)$/.test(file))
      expect(files.toSorted()).toEqual([
        expect.stringMatching(/^streampay-[\d.]+-py3-none-any\.whl$/),
        expect.stringMatching(/^streampay-[\d.]+\.tar\.gz$/),
      ])
      const list = 'import sys, zipfile; print("\\n".join(zipfile.ZipFile(sys.argv[1]).namelist()))'
      const names = run(python, ['-c', list, join(folder, files.find((file) => file.endsWith('.whl'))!)]).output
      expect(names).toContain('streampay/py.typed')
      expect(names).not.toMatch(/tests\/|\.so$/m)
    })
  },
)
