import { expect, test } from 'vitest'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { amount, integer, number, text, word } from './rows.ts'

const row = { text: 'open', integer: 7n, float: 0.5, nothing: null, negative: -1n }

test('values come back as what they are', () => {
  expect(text(row, 'text')).toBe('open')
  expect(integer(row, 'negative')).toBe(-1n)
  expect(number(row, 'integer')).toBe(7)
  expect(amount(row, 'integer')).toBe(7n)
  expect(word(row, 'text', ['closed', 'open'])).toBe('open')
})

test('what a damaged or foreign file has instead is refused, and the column is named', () => {
  for (const name of ['integer', 'nothing', 'missing'])
    expect(() => text(row, name)).toThrow(`column ${name} is not text`)
  for (const name of ['text', 'float', 'nothing', 'missing']) {
    expect(() => integer(row, name)).toThrow(`column ${name} is not an integer`)
  }
  expect(() => text(undefined, 'text')).toThrow('column text is not text')
  expect(() => integer(undefined, 'integer')).toThrow('column integer is not an integer')
  expect(() => word(row, 'text', ['asked', 'closed'])).toThrow('column text is none of asked, closed')
  expect(codeThrownBy(() => amount(row, 'negative'))).toBe('amount-out-of-range')
})
