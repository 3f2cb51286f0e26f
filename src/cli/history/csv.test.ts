import { expect, test } from 'vitest'
import { toCsv } from './csv.ts'

test('records become lines of cells under their names', () => {
  expect(toCsv([])).toBe('')
  expect(toCsv([{ a: '1', b: 'x' }, { a: '2' }])).toBe('a,b\r\n1,x\r\n2,\r\n')
})

test('what another side wrote does not run as a formula', () => {
  expect(toCsv([{ url: '=1+1', amount: '5' }])).toBe("url,amount\r\n'=1+1,5\r\n")
})
