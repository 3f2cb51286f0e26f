import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { formatChallenge, parseChallenges } from './header.ts'
import { anyChallenge } from './testing/arbitraries.ts'
import { challenge } from './testing/fixtures.ts'

const minimal = 'id="x", realm="r", method="lightning", intent="charge", request="e30"'
const parsed = { id: 'x', realm: 'r', method: 'lightning', intent: 'charge', request: 'e30' }

describe('formatChallenge', () => {
  it('writes what parseChallenges reads', () => {
    fc.assert(
      fc.property(fc.array(anyChallenge, { maxLength: 4 }), fc.constantFrom(', ', ',', ' , '), (challenges, comma) => {
        const lines = challenges.map(formatChallenge)
        expect(parseChallenges(lines)).toEqual(challenges)
        expect(parseChallenges(lines.join(comma))).toEqual(challenges)
      }),
      { numRuns: 500 },
    )
  })

  it('writes nothing that a header cannot hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (description) => {
        const value = formatChallenge({ ...challenge, description })
        expect(new Headers({ 'www-authenticate': value }).get('www-authenticate')).toBe(value)
      }),
    )
    const value = formatChallenge({ ...challenge, description: 'two\r\nlines: "é"' })
    expect(parseChallenges(value)[0]?.description).toBe('two  lines: "é"')
  })
})

describe('parseChallenges', () => {
  it.each<[string, string, object]>([
    ['plain', `Payment ${minimal}`, parsed],
    [
      'any case of the scheme and the names',
      `PAYMENT ${minimal.replace('id=', 'ID=').replace('realm', 'Realm')}`,
      parsed,
    ],
    ['tokens without quotes', 'Payment id=x,realm=r,method=lightning,intent=charge,request=e30', parsed],
    ['spaces around =', `Payment ${minimal.replaceAll('=', ' = ')}`, parsed],
    ['no commas', `Payment ${minimal.replaceAll(',', '')}`, parsed],
    ['empty list members', `,, Payment ${minimal.replaceAll(',', ',,')},`, parsed],
    ['escapes', `Payment ${minimal.replace('"r"', '"r\\"\\\\\\x, y"')}`, { ...parsed, realm: 'r"\\x, y' }],
    ['unknown parameters', `Payment ${minimal}, version="2", x=1`, parsed],
    [
      'another header for the credential',
      `Payment ${minimal}, header="Payment-Authorization"`,
      { ...parsed, header: 'Payment-Authorization' },
    ],
    ['another scheme before', `Basic realm="a, Payment b", charset="UTF-8", Payment ${minimal}`, parsed],
    ['a token before', `Negotiate YWJj/+==, Payment ${minimal}`, parsed],
    ['a bare scheme before', `Negotiate, Payment ${minimal}`, parsed],
    ['L402 after', `Payment ${minimal}, L402 macaroon="AGIA", invoice="lnbc1"`, parsed],
    ['nonsense before', `@@@ "x, Payment y", Payment ${minimal}`, parsed],
  ])('reads %s', (_, header, expected) => {
    expect(parseChallenges(header)).toEqual([expected])
  })

  it('keeps the readable challenges and drops the others', () => {
    const broken = [
      `Payment ${minimal}, id="y"`,
      'Payment id="x"',
      `Payment ${minimal.replace('id="x"', 'id=""')}`,
      `Payment ${minimal.replace('"e30"', '"e30')}`,
      `Payment ${minimal.replace('"e30"', 'e30=')}`,
      `Payment ${minimal}, opaque="${'x'.repeat(9000)}"`,
      'Payment',
    ]
    for (const line of broken) {
      expect(
        codeThrownBy(() => parseChallenges(line)),
        line.slice(0, 80),
      ).toBe('challenge-malformed')
      expect(parseChallenges([line, `Payment ${minimal}`])).toEqual([parsed])
    }
  })

  it('finds nothing where there is nothing', () => {
    expect(parseChallenges('')).toEqual([])
    expect(parseChallenges([])).toEqual([])
    expect(parseChallenges('Bearer realm="x", error="invalid_token"')).toEqual([])
    expect(parseChallenges(`Payments ${minimal}`)).toEqual([])
  })

  it('is not fooled by names of Object.prototype', () => {
    const [read] = parseChallenges(`Payment ${minimal}, __proto__="x", constructor="y"`)
    expect(read).toEqual(parsed)
  })

  it('bounds what it reads', () => {
    expect(codeThrownBy(() => parseChallenges('x'.repeat(65_537)))).toBe('challenge-malformed')
    expect(codeThrownBy(() => parseChallenges(new Array(33).fill(`Payment ${minimal}`)))).toBe('challenge-malformed')
    const crowded = Array.from({ length: 40 }, (_, i) => `x${i}=1`).join(', ')
    expect(codeThrownBy(() => parseChallenges(`Payment ${minimal}, ${crowded}`))).toBe('challenge-malformed')
  })
})

describe('parseChallenges against hostile headers', () => {
  const pieces = fc.constantFrom(
    'Payment ',
    minimal,
    '"',
    '\\',
    ',',
    '=',
    ' ',
    'a',
    'id=',
    '/',
    '\t',
    'é',
    '(',
    'x="y"',
  )

  it('throws nothing but challenge-malformed', () => {
    const soup = fc
      .array(fc.oneof(pieces, fc.string({ maxLength: 5 })), { maxLength: 60 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(soup, fc.string(), fc.string({ unit: 'binary' })), (header) => {
        expect([undefined, 'challenge-malformed']).toContain(codeThrownBy(() => parseChallenges(header)))
      }),
      { numRuns: 5000 },
    )
  })

  it('takes time in proportion to the length', () => {
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 6 }), (parts) => {
        const header = parts.join('').repeat(65_536).slice(0, 65_536)
        const startedAt = performance.now()
        codeThrownBy(() => parseChallenges(header))
        // a linear pass takes a few milliseconds; a quadratic one four billion steps
        expect(performance.now() - startedAt).toBeLessThan(2000)
      }),
      { numRuns: 200 },
    )
  })
})
