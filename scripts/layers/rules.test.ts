import { expect, test } from 'vitest'
import { findBreaches } from './rules.ts'

const breaches = (files: Record<string, string>): string[] => findBreaches(new Map(Object.entries(files)))

test('imports of lower rows and of the own folder are no breach', () => {
  expect(
    breaches({
      'errors/error.ts': `import { A } from './codes.ts'`,
      'errors/codes.ts': 'export const A = 1',
      'money/msat.ts': `import { StreamError } from '../errors/error.ts'`,
      'ledger/sqlite/ledger.ts': `import { DatabaseSync } from 'node:sqlite'\nimport type { Msat } from '../../money/msat.ts'`,
      'index.ts': `export * from './ledger/sqlite/ledger.ts'`,
      'cli/main.ts': `import { x } from '../index.ts'`,
    }),
  ).toEqual([])
})

test.each([
  [`import type { X } from '../lightning/node.ts'`, 'a type'],
  [`export { X } from '../lightning/node.ts'`, 'a re-export'],
  [`export * from '../lightning/node.ts'`, 'a star re-export'],
  [`const x = await import('../lightning/node.ts')`, 'a dynamic import'],
  [`import '../lightning/node.ts'`, 'a bare import'],
  [`import {\n  type X,\n  y,\n} from "../lightning/node.ts"`, 'an import on several lines'],
])('an import of a higher row is named: %s', (line) => {
  expect(breaches({ 'terms/terms.ts': line, 'lightning/node.ts': '' })).toEqual([
    'terms/terms.ts: imports lightning/node.ts, which lies above it',
  ])
})

test('the root lies above all folders but the commands', () => {
  expect(breaches({ 'index.ts': `import './cli/main.ts'`, 'cli/main.ts': '' })).toHaveLength(1)
  expect(breaches({ 'index.ts': '', 'seller/paywall.ts': `import '../index.ts'` })).toHaveLength(1)
})

test('cycles between files and between folders of one row are shown with their way', () => {
  expect(
    breaches({
      'wire/a.ts': `import './b.ts'`,
      'wire/b.ts': `import './c.ts'`,
      'wire/c.ts': `import './a.ts'`,
    }),
  ).toEqual(['wire/a.ts → wire/b.ts → wire/c.ts → wire/a.ts: an import cycle'])
  expect(
    breaches({
      'wire/a.ts': `import '../terms/a.ts'`,
      'terms/b.ts': `import '../wire/b.ts'`,
      'wire/b.ts': '',
      'terms/a.ts': '',
    }),
  ).toEqual(['wire → terms → wire: an import cycle'])
})

test.each([
  [`import { readFileSync } from 'node:fs'`, 'imports node:fs'],
  [`const bytes = Buffer.from('')`, "uses Node's Buffer"],
  [`if (process.env.X) go()`, "uses Node's process"],
  [`const text = \`pid \${process.pid}\``, "uses Node's process"],
])('a pure folder stays free of Node: %s', (line, complaint) => {
  expect(breaches({ 'meter/gate.ts': line })).toEqual([expect.stringContaining(complaint)])
  expect(breaches({ 'seller/gate.ts': line })).toEqual([])
})

test('names in comments, strings, members, keys and expressions of text are not globals', () => {
  expect(
    breaches({
      'meter/gate.ts': [
        '// a Buffer of the process',
        `/* import x from 'node:fs' */`,
        `const s = "process Buffer", t = 'require'`,
        'const u = `in process`',
        'const x = { process: 1, subprocess: task.process, re: /process/ }',
        'class A { #process = 1; m() { return this.#process } }',
      ].join('\n'),
    }),
  ).toEqual([])
})

test('tests may import anything, and nothing that is published imports them', () => {
  expect(breaches({ 'terms/terms.test.ts': `import '../seller/x.ts'\nimport 'node:fs'`, 'seller/x.ts': '' })).toEqual(
    [],
  )
  expect(breaches({ 'seller/x.ts': `import './testing/fake.ts'`, 'seller/testing/fake.ts': '' })).toHaveLength(1)
})

test('a folder without a row and an import from outside are named', () => {
  expect(breaches({ 'novel/x.ts': '' })).toEqual([expect.stringContaining('no row')])
  expect(breaches({ 'cli/x.ts': `import '../../scripts/x.ts'` })).toEqual([expect.stringContaining('outside src/')])
})
