import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../../scripts/run/child.ts'
import { DOCUMENTS } from './documents/index.ts'
import { judge, type Ran, sumOf } from './judge.ts'
import { isNamed, missingTitles, pattern } from './names.ts'
import { conformancePage } from './page.ts'
import { type Placed, placed } from './row.ts'

const rows = placed(DOCUMENTS)

/** A test's own file, and those of suites that it runs. */
function sourceOf(file: string): string {
  const text = readFileSync(path.join(ROOT, file), 'utf8')
  const suites = [...text.matchAll(/from '(\.[^']*\.(?:suite|contract)\.ts)'/g)].map(([, to]) => to!)
  return [text, ...suites.map((to) => readFileSync(path.join(ROOT, path.dirname(file), to), 'utf8'))].join('\n')
}

test('docs/conformance.md is what the tables say; `npm run conformance-page` writes it anew', () => {
  expect(readFileSync(path.join(ROOT, 'docs', 'conformance.md'), 'utf8')).toBe(conformancePage())
})

test('every test that is named is there', () => {
  for (const { tests, requirement } of rows) {
    for (const { file, name } of tests) {
      expect(file, requirement).toMatch(/\.(?:test|property|e2e|lnd)\.ts$/)
      expect(existsSync(path.join(ROOT, file)), file).toBe(true)
      expect(missingTitles(name, sourceOf(file)), `${file}: ${name}`).toEqual([])
    }
  }
})

test('no requirement stands twice, none names a test twice, and all are sentences', () => {
  const keys = rows.map(({ scheme, section, requirement }) => `${scheme} | ${section} | ${requirement}`)
  expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([])
  for (const { requirement, differs, tests } of rows) {
    expect(requirement).toMatch(/^[A-Z`].*[^.]$/s)
    if (differs !== undefined) expect(differs).toMatch(/^[A-Z`].*\.$/s)
    const names = tests.map(({ file, name }) => `${file}: ${name}`)
    expect(new Set(names).size, requirement).toBe(names.length)
  }
})

describe('a row', () => {
  const file = 'a.test.ts'
  const row: Placed = {
    scheme: 'x',
    section: 's',
    level: 'MUST',
    side: 'server',
    requirement: 'It is so',
    tests: [{ file, name: 'group > case %s' }],
  }
  const ran = (status: Ran['status'], title = 'case one'): Ran => ({ file, path: ['outer', 'group', title], status })

  test('is held where all that it names ran and passed', () => {
    expect(judge(row, [ran('passed'), ran('passed', 'case two')]).result).toBe('held')
  })

  test.each<[string, Ran[], string]>([
    ['of a name that no test has', [ran('passed', 'another')], 'failed'],
    ['of a test in another file', [{ ...ran('passed'), file: 'b.test.ts' }], 'failed'],
    ['of which one case failed', [ran('passed'), ran('failed', 'case two')], 'failed'],
    ['of which one case could not be run here', [ran('passed'), ran('skipped', 'case two')], 'open'],
  ])('%s is not', (_, all, result) => {
    expect(judge(row, all).result).toBe(result)
    expect(judge(row, all).reason).toContain('case %s')
  })

  test('without a test is open, and never held', () => {
    expect(judge({ ...row, tests: [] }, [ran('passed')]).result).toBe('open')
  })

  test('that differs does so only while what is done instead is shown', () => {
    const other = { ...row, differs: 'It is better so.' }
    expect(judge(other, [ran('passed')]).result).toBe('differs')
    expect(judge(other, [ran('failed')]).result).toBe('failed')
    expect(judge({ ...other, tests: [] }, []).result).toBe('open')
  })

  test('is counted once', () => {
    const judged = [
      judge(row, [ran('passed')]),
      judge(row, []),
      judge({ ...row, tests: [] }, []),
      judge({ ...row, differs: 'No.' }, [ran('passed')]),
    ]
    expect(sumOf(judged)).toEqual({ requirements: 4, held: 1, differsOnPurpose: 1, failed: 1, open: 1 })
  })
})

test.each<[string, string[], boolean]>([
  ['reads %s', ['parse', 'reads a (b)'], true],
  ['parse > reads %s', ['all', 'parse', 'reads x'], true],
  ['parse > reads %s', ['write', 'reads x'], false],
  ['reads a', ['parse', 'reads a b'], false],
  ['a (b) costs $n?', ['a (b) costs 5?'], true],
  ['a.b', ['axb'], false],
  ['refuses "%s"', ['refuses "a\nb"'], true],
])('the name "%s" is that of %j: %s', (name, titles, expected) => {
  expect(isNamed(name, titles)).toBe(expected)
  expect(new RegExp(pattern([name])).test(titles.join(' '))).toBe(expected)
})
