import * as hashesLibrary from '@noble/hashes/sha2.js'
import * as hexLibrary from '@noble/hashes/utils.js'
import * as baseLibrary from '@scure/base'
import canonicalLibrary from 'canonicalize'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import canonicalize from './canonical.ts'
import { base64urlnopad, bech32 } from './encodings.ts'
import { bytesToHex, concatBytes, hexToBytes, sha256 } from './hashes.ts'

const RUNS = { numRuns: 2000 }
const LIMIT = 400
const bytes = fc.uint8Array({ maxLength: 300 })
const same = (one: () => unknown, other: () => unknown): boolean => {
  const outcome = (work: () => unknown) => {
    try {
      return JSON.stringify(work(), (_, value) => (value instanceof Uint8Array ? [...value] : value))
    } catch {
      return 'refused'
    }
  }
  return outcome(one) === outcome(other)
}
const readBech32 = (text: string) => {
  const read = baseLibrary.bech32.decodeUnsafe(text, LIMIT)
  return read && { prefix: read.prefix, words: read.words }
}

test('hashes as the library does', () => {
  fc.assert(
    fc.property(
      bytes,
      (message) => bytesToHex(sha256(message)) === hexLibrary.bytesToHex(hashesLibrary.sha256(message)),
    ),
    RUNS,
  )
  // Where the padding takes another block.
  for (const length of [0, 55, 56, 63, 64, 119, 120]) {
    const message = new Uint8Array(length).fill(7)
    expect(sha256(message), `${length}`).toEqual(hashesLibrary.sha256(message))
  }
})

test('reads and writes hexadecimal, and joins', () => {
  fc.assert(
    fc.property(bytes, (some) =>
      same(
        () => hexToBytes(bytesToHex(some)),
        () => some,
      ),
    ),
    RUNS,
  )
  const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFg '), maxLength: 20 })
  fc.assert(
    fc.property(text, (some) =>
      same(
        () => hexToBytes(some),
        () => hexLibrary.hexToBytes(some),
      ),
    ),
    RUNS,
  )
  fc.assert(
    fc.property(bytes, bytes, (a, b) =>
      same(
        () => concatBytes(a, b),
        () => hexLibrary.concatBytes(a, b),
      ),
    ),
  )
})

test('reads Bech32, whole, damaged and made up, as the library does', () => {
  const prefix = fc.string({ unit: fc.constantFrom(...'lnbctrx1'), minLength: 1, maxLength: 10 })
  const words = fc.array(fc.integer({ min: 0, max: 31 }), { maxLength: 60 })
  const change = fc.record({ at: fc.nat(80), by: fc.constantFrom('', 'q', 'Q', 'b', '1', 'é') })
  fc.assert(
    fc.property(prefix, words, fc.option(change), fc.boolean(), (hrp, data, damage, capitals) => {
      let text = baseLibrary.bech32.encode(hrp, data, LIMIT) as string
      if (capitals) text = text.toUpperCase()
      if (damage) text = text.slice(0, damage.at) + damage.by + text.slice(damage.at + 1)
      return same(
        () => bech32.decodeUnsafe(text, LIMIT),
        () => readBech32(text),
      )
    }),
    RUNS,
  )
  fc.assert(
    fc.property(fc.string(), (text) =>
      same(
        () => bech32.decodeUnsafe(text, LIMIT),
        () => readBech32(text),
      ),
    ),
    RUNS,
  )
  expect(bech32.decodeUnsafe(baseLibrary.bech32.encode('ln', new Array(400).fill(1), 1000), LIMIT)).toBeUndefined()
})

test('reads and writes Base64 as the library does', () => {
  const library = baseLibrary.base64urlnopad
  fc.assert(
    fc.property(bytes, (some) => base64urlnopad.encode(some) === library.encode(some)),
    RUNS,
  )
  fc.assert(
    fc.property(bytes, (some) =>
      same(
        () => base64urlnopad.decode(library.encode(some)),
        () => some,
      ),
    ),
    RUNS,
  )
  const text = fc.string({ unit: fc.constantFrom(...'AZaz09-_+/= '), maxLength: 12 })
  fc.assert(
    fc.property(text, (some) =>
      same(
        () => base64urlnopad.decode(some),
        () => library.decode(some),
      ),
    ),
    RUNS,
  )
})

test('writes canonical JSON as the library does', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 8 })
  const broken = fc.constantFrom('\ud800', 'a\udc00b')
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      ...[
        texts,
        broken,
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
      ],
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(texts, broken, fc.constantFrom('10', '9', 'é', '__proto__')), tie('any'), { maxKeys: 5 }),
    ),
  })).any
  fc.assert(
    fc.property(value, (some) =>
      same(
        () => canonicalize(some),
        () => canonicalLibrary(some),
      ),
    ),
    RUNS,
  )
  expect(canonicalize({ b: undefined, a: 1 })).toBe(canonicalLibrary({ b: undefined, a: 1 }))
  expect(() => canonicalize({ a: 1n })).toThrow(TypeError)
})
