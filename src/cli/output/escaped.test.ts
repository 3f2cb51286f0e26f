import fc from 'fast-check'
import { expect, it, test } from 'vitest'
import { escaped } from './escaped.ts'
import { agoOrAhead } from './span.ts'

test.each([
  ['tea ½ 茶 🍵', 'tea ½ 茶 🍵'],
  ['a\u001b[2J', 'a\\u{1b}[2J'],
  ['a\nb', 'a\\u{a}b'],
  ['\u202egnp.exe', '\\u{202e}gnp.exe'],
  ['a\u200bb\u2028', 'a\\u{200b}b\\u{2028}'],
  ['say "no"\\', 'say \\u{22}no\\u{22}\\u{5c}'],
  ['\ud800', '\\u{d800}'],
])('%j is shown as %s', (text, shown) => expect(escaped(text)).toBe(shown))

it('shows nothing that steers a terminal, whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      expect(escaped(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"]/u)
    }),
    { numRuns: 1000 },
  )
})

test.each([
  [-3 * 86_400_000, '3 days ago'],
  [-86_400_000, '1 day ago'],
  [0, '0 seconds ago'],
  [999, 'in 0 seconds'],
  [3_599_999, 'in 59 minutes'],
  [3_600_000, 'in 1 hour'],
] as const)('%d ms from now is "%s"', (ms, words) => expect(agoOrAhead(1e12 + ms, 1e12)).toBe(words))
