import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { CODES, EXIT } from '../../src/errors/codes.ts'
import { ROOT } from '../run/child.ts'
import { pythonTable } from './python.ts'
import { errorTable } from './table.ts'

test('docs/errors.md is what the code says; `npm run error-table` writes it anew', () => {
  expect(readFileSync(path.join(ROOT, 'docs', 'errors.md'), 'utf8')).toBe(errorTable())
})

test("the Python package's table is what the code says; `npm run error-table` writes it anew", () => {
  expect(readFileSync(path.join(ROOT, 'python', 'src', 'streampay', 'codes.py'), 'utf8')).toBe(pythonTable())
})

test('every code and every exit code has a row', () => {
  const text = errorTable()
  for (const code of Object.keys(CODES)) expect(text).toContain(`\n| \`${code}\` | `)
  for (const [name, exit] of Object.entries(EXIT)) expect(text).toContain(`\n| ${exit} | ${name} | `)
})

test('statuses are HTTP statuses, and texts are sentences that end as they should', () => {
  for (const [code, { status, title, hint }] of Object.entries(CODES)) {
    expect(status, code).toSatisfy((value: number) => value >= 400 && value < 600)
    expect(title, code).toMatch(/^[A-Z].*[^.]$/)
    expect(hint, code).toMatch(/^[A-Z].*\.$/)
  }
})
