import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../money/testing/arbitraries.ts'
import { decodeBase64url, decodeJson, encodeBase64url, encodeJson, jcs, MAX_ENCODED, utf8 } from './encoding.ts'
import { decodeZbase32, encodeZbase32 } from './zbase32.ts'

const decode = (text: string) => decodeJson(text, 'challenge-malformed')

describe('jcs', () => {
  it('orders members by UTF-16 code units and writes numbers as RFC 8785 says', () => {
    expect(jcs({ b: 1, a: [true, null, 'x'] })).toBe('{"a":[true,null,"x"],"b":1}')
    // RFC 8785, section 3.2.3
    const sorted = jcs({ '€': 5, '\r': 1, '\ufb33': 7, '1': 2, '\u{1f600}': 6, '\u0080': 3, ö: 4 })
    expect(sorted.match(/:\d/g)).toEqual([':1', ':2', ':3', ':4', ':5', ':6', ':7'])
    // RFC 8785, section 3.2.2
    expect(jcs([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27]',
    )
  })

  it('refuses what JSON cannot hold', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    for (const value of [1n, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', loop, undefined, { x: 1n }]) {
      expect(codeThrownBy(() => jcs(value))).toBe('internal')
    }
  })
})

describe('base64url', () => {
  it('knows the vectors of RFC 4648, without padding', () => {
    const vectors = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' }
    for (const [text, encoded] of Object.entries(vectors)) {
      expect(encodeBase64url(utf8(text))).toBe(encoded)
      expect(decodeBase64url(encoded)).toEqual(utf8(text))
    }
    expect(encodeBase64url(Uint8Array.of(0xfb, 0xff))).toBe('-_8')
  })

  it.each(['Zg==', 'Zg=', 'Z', '+/8', ' Zg', 'Zg\n', 'Z g', 'Zh', 'Zm9=', 'ä', 'Zg.'])('refuses "%s"', (text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })
})

describe('decodeJson', () => {
  it('reads back whatever JSON is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(decode(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it.each([
    ['an empty text', ''],
    ['padding', 'e30='],
    ['no JSON', encodeBase64url(utf8('{'))],
    ['a byte order mark', encodeBase64url(utf8('\ufeff{}'))],
    ['bytes that are not UTF-8', encodeBase64url(Uint8Array.of(0x22, 0xff, 0x22))],
    ['too much', encodeBase64url(utf8(`"${'x'.repeat(MAX_ENCODED)}"`))],
  ])('refuses %s', (_, text) => {
    expect(codeThrownBy(() => decode(text))).toBe('challenge-malformed')
  })

  it('throws nothing but the code it was told, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array().map(encodeBase64url)), (text) => {
        expect([undefined, 'challenge-malformed']).toContain(codeThrownBy(() => decode(text)))
      }),
      { numRuns: 2000 },
    )
  })

  it('survives JSON nested as deep as fits', () => {
    const deep = encodeBase64url(utf8('['.repeat(3000) + ']'.repeat(3000)))
    expect(codeThrownBy(() => decode(deep))).toBeUndefined()
  })
})

describe('zbase32', () => {
  it('round trips every length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeZbase32(encodeZbase32(bytes), bytes.length)).toEqual(bytes)
      }),
    )
  })

  it('refuses other lengths, other letters and stray bits', () => {
    const text = encodeZbase32(Uint8Array.of(1, 2, 3))
    expect(decodeZbase32(text, 3)).toEqual(Uint8Array.of(1, 2, 3))
    expect(decodeZbase32(text, 2)).toBeUndefined()
    expect(decodeZbase32(text.toUpperCase(), 3)).toBeUndefined()
    expect(decodeZbase32(`${text.slice(0, -1)}9`, 3)).toBeUndefined()
    expect(decodeZbase32('lv02', 2)).toBeUndefined()
  })
})
