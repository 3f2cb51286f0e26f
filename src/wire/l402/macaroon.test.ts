import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeThrownBy } from '../../money/testing/arbitraries.ts'
import { hex } from '../../terms/testing/arbitraries.ts'
import {
  addCaveat,
  decodeIdentifier,
  decodeMacaroon,
  encodeIdentifier,
  encodeMacaroon,
  formatMacaroon,
  MAX_MACAROON,
  mintMacaroon,
  parseMacaroon,
  verifyMacaroon,
} from './macaroon.ts'

interface Minted {
  name: string
  rootKey: string
  identifier: string
  location: string
  caveats: string[]
  signature: string
  bytes: string
  base64: string
}
interface Judged {
  name: string
  rootKey: string
  bytes: string
  reads: boolean
  verifies: boolean
}
const file = path.join(import.meta.dirname, '..', '..', '..', 'spec', 'vectors', 'macaroon.json')
const { minted, judged } = JSON.parse(readFileSync(file, 'utf8')) as { minted: Minted[]; judged: Judged[] }

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const anyMacaroon = fc
  .record({
    rootKey: bytes(80),
    identifier: bytes(80),
    location: fc.string({ unit: 'grapheme', maxLength: 40 }),
    caveats: fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { maxLength: 8 }),
  })
  .map(({ rootKey, identifier, location, caveats }) => ({
    rootKey,
    macaroon: mintMacaroon(rootKey, identifier, location, caveats),
  }))

describe('macaroons against the Go library', () => {
  it.each(minted)('has its bytes: $name', ({ rootKey, identifier, location, caveats, signature, ...encoded }) => {
    const macaroon = mintMacaroon(hexToBytes(rootKey), hexToBytes(identifier), location, caveats)
    expect(bytesToHex(macaroon.signature)).toBe(signature)
    expect(bytesToHex(encodeMacaroon(macaroon))).toBe(encoded.bytes)
    expect(formatMacaroon(macaroon)).toBe(encoded.base64)
    const read = decodeMacaroon(hexToBytes(encoded.bytes))
    expect(read).toEqual(macaroon)
    expect(verifyMacaroon(hexToBytes(rootKey), read)).toBe(true)
  })

  it.each(judged)('judges as it does: $name', ({ rootKey, bytes: text, reads, verifies }) => {
    const read = () => decodeMacaroon(hexToBytes(text))
    expect(codeThrownBy(read)).toBe(reads ? undefined : 'macaroon-invalid')
    if (reads) expect(verifyMacaroon(hexToBytes(rootKey), read())).toBe(verifies)
  })
})

describe('macaroons', () => {
  it('come back as they were written, and verify with their key alone', () => {
    fc.assert(
      fc.property(anyMacaroon, bytes(80), ({ rootKey, macaroon }, other) => {
        expect(decodeMacaroon(encodeMacaroon(macaroon))).toEqual(macaroon)
        expect(parseMacaroon(formatMacaroon(macaroon))).toEqual(macaroon)
        expect(verifyMacaroon(rootKey, macaroon)).toBe(true)
        // keys that differ only in zeros at their end are one key to HMAC
        const trimmed = (key: Uint8Array) => bytesToHex(key).replace(/(00)+$/, '')
        if (trimmed(other) !== trimmed(rootKey)) expect(verifyMacaroon(other, macaroon)).toBe(false)
      }),
    )
  })

  it('can be narrowed without the key, and never widened', () => {
    fc.assert(
      fc.property(anyMacaroon, fc.string({ maxLength: 20 }), ({ rootKey, macaroon }, caveat) => {
        const narrowed = addCaveat(macaroon, caveat)
        expect(verifyMacaroon(rootKey, narrowed)).toBe(true)
        expect(verifyMacaroon(rootKey, { ...narrowed, caveats: macaroon.caveats })).toBe(false)
        expect(verifyMacaroon(rootKey, { ...narrowed, signature: macaroon.signature })).toBe(false)
      }),
    )
  })

  it('with any byte changed either cannot be read, or do not verify, or differ only in their location', () => {
    const key = new Uint8Array(32).fill(3)
    const good = mintMacaroon(
      key,
      encodeIdentifier({ paymentHash: 'ab'.repeat(32), tokenId: 'cd'.repeat(32) }),
      'here',
      ['services=stream:0'],
    )
    const raw = encodeMacaroon(good)
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = raw.slice()
        changed[at]! ^= flip
        let read: ReturnType<typeof decodeMacaroon>
        try {
          read = decodeMacaroon(changed)
        } catch {
          return
        }
        if (verifyMacaroon(key, read)) expect({ ...read, location: good.location }).toEqual(good)
      }),
      { numRuns: 3000 },
    )
  })

  it('are refused with one error alone, whatever the bytes', () => {
    const start = fc.constantFrom(new Uint8Array(), Uint8Array.of(2), Uint8Array.of(2, 2, 1, 120, 0))
    fc.assert(
      fc.property(start, bytes(200), (head, rest) => {
        const code = codeThrownBy(() => decodeMacaroon(Uint8Array.of(...head, ...rest)))
        expect([undefined, 'macaroon-invalid']).toContain(code)
      }),
      { numRuns: 5000 },
    )
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect([undefined, 'macaroon-invalid']).toContain(codeThrownBy(() => parseMacaroon(text)))
      }),
      { numRuns: 3000 },
    )
  })

  it('are bounded in length and in caveats', () => {
    const many = mintMacaroon(new Uint8Array(1), new Uint8Array(1), '', new Array(33).fill('a=b'))
    expect(codeThrownBy(() => decodeMacaroon(encodeMacaroon(many)))).toBe('macaroon-invalid')
    const long = mintMacaroon(new Uint8Array(1), new Uint8Array(MAX_MACAROON), '', [])
    expect(codeThrownBy(() => decodeMacaroon(encodeMacaroon(long)))).toBe('macaroon-invalid')
  })

  it('are read to their last byte, and only as UTF-8', () => {
    const raw = encodeMacaroon(mintMacaroon(new Uint8Array(1), new Uint8Array(1), '', ['a=b']))
    expect(codeThrownBy(() => decodeMacaroon(Uint8Array.of(...raw, 0)))).toBe('macaroon-invalid')
    const changed = raw.map((byte) => (byte === 'a'.charCodeAt(0) ? 0xff : byte))
    expect(codeThrownBy(() => decodeMacaroon(changed))).toBe('macaroon-invalid')
  })

  it('are read in either alphabet of base64, padded or not', () => {
    fc.assert(
      fc.property(anyMacaroon, ({ macaroon }) => {
        const text = formatMacaroon(macaroon)
        const url = text.replaceAll('+', '-').replaceAll('/', '_')
        for (const form of [text, url, text.replace(/=+$/, ''), url.replace(/=+$/, '')]) {
          expect(parseMacaroon(form)).toEqual(macaroon)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('identifiers', () => {
  it('come back, and nothing else is one', () => {
    fc.assert(
      fc.property(hex(64), hex(64), bytes(70), (paymentHash, tokenId, foreign) => {
        const encoded = encodeIdentifier({ paymentHash, tokenId })
        expect(decodeIdentifier(encoded)).toEqual({ paymentHash, tokenId })
        expect(decodeIdentifier(Uint8Array.of(0, 1, ...encoded.subarray(2)))).toBeUndefined()
        if (foreign.length !== 66) expect(decodeIdentifier(foreign)).toBeUndefined()
      }),
    )
  })
})
