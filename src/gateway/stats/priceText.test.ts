import { expect, test } from 'vitest'
import { readPriceSpec } from '../../money/tariff.ts'
import { readPriceText, writePriceText } from './priceText.ts'

test.each([
  '1 sat/MiB',
  '10 sat/s',
  'input 200 msat/1k tokens; output 1 sat/1k tokens; minimum 1 sat',
  'request 1 sat; upload 2 sat/MiB; output 2 sat/play-second; extra 10 sat',
])('%s is written as it is read', (text) => {
  expect(writePriceText(readPriceSpec(readPriceText(text)))).toBe(text)
})

test('a tariff may be typed with colons, and a member that is none is a price that is none', () => {
  expect(readPriceText(' input: 1 sat/token;output : 2 sat/token; ')).toEqual({
    input: '1 sat/token',
    output: '2 sat/token',
  })
  for (const text of ['', ';', 'input 1 sat/token; free', 'inputs 1 sat']) {
    expect(() => readPriceSpec(readPriceText(text)), text).toThrow(expect.objectContaining({ code: 'price-invalid' }))
  }
})
