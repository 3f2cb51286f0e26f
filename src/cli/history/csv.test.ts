import { expect, test } from 'vitest'
import { toCsv } from './csv.ts'

test('records become lines of cells under their names', () => {
  expect(toCsv([])).toBe('')
  expect(toCsv([{ a: '1', b: 'x' }, { a: '2' }])).toBe('a,b\r\n1,x\r\n2,\r\n')
})

test('what would break a line or run as a formula does neither', () => {
  expect(toCsv([{ a: 'x,y', b: 'say "no"', c: 'two\nlines' }])).toBe('a,b,c\r\n"x,y","say ""no""","two\nlines"\r\n')
  for (const formula of ['=1+1', '+1', '-1', '@x']) expect(toCsv([{ a: formula }])).toBe(`a\r\n'${formula}\r\n`)
})
