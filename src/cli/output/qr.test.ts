import { stripVTControlCharacters } from 'node:util'
import { encode } from 'uqr'
import { describe, expect, it, test } from 'vitest'
import { qrLines, qrModules } from './qr.ts'

const INVOICE = `lnbcrt50u1p${'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.repeat(8)}`
/** What a scanner would see: the terminal's lines, back as modules. */
const read = (lines: readonly string[]): boolean[][] =>
  lines.flatMap((line) => {
    const characters = [...stripVTControlCharacters(line)]
    return [characters.map((one) => '▀█'.includes(one)), characters.map((one) => '▄█'.includes(one))]
  })

describe('a QR code on a terminal', () => {
  it('shows every module, with white all around', () => {
    const { data, size } = encode(INVOICE.toUpperCase(), { ecc: 'L', border: 2 })
    const seen = read(qrLines(INVOICE)).slice(0, size)
    expect(seen).toEqual(data)
    for (const edge of [0, 1, size - 1, size - 2]) {
      expect(seen[edge]!.some(Boolean)).toBe(false)
      expect(seen.some((row) => row[edge])).toBe(false)
    }
    // the three corners that scanners look for
    for (const [y, x] of [
      [2, 2],
      [2, size - 9],
      [size - 9, 2],
    ] as const) {
      expect(seen[y]!.slice(x, x + 7)).toEqual(new Array(7).fill(true))
      expect(seen[y + 1]!.slice(x, x + 7)).toEqual([true, false, false, false, false, false, true])
    }
  })

  it('names both of its colours on every line, and takes them back', () => {
    for (const line of qrLines('x')) {
      expect(line.startsWith('\u001b[38;5;16;48;5;231m')).toBe(true)
      expect(line.endsWith('\u001b[0m')).toBe(true)
    }
  })
})

test.each([
  INVOICE,
  `lightning:${INVOICE}`,
  'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
  'bitcoin:tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx',
])('%s is written in upper case, in fewer modules', (text) => {
  expect(qrModules(text)).toEqual(encode(text.toUpperCase(), { ecc: 'L', border: 2 }).data)
  expect(qrModules(text).length).toBeLessThanOrEqual(encode(text, { ecc: 'L', border: 2 }).data.length)
})

test.each(['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'mpXwg4jMtRhuSpVq4xS3HFHmCmWp9NyGKt', 'https://example.com/a?b=c'])(
  '%s is left as it is: its case counts',
  (text) => expect(qrModules(text)).toEqual(encode(text, { ecc: 'L', border: 2 }).data),
)

it('makes no code that nobody could scan', () => expect(qrLines('x'.repeat(2001))).toEqual([]))
