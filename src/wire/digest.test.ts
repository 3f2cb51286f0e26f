import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyDigest, isDigestOf } from './digest.ts'

describe('the digest of a body', () => {
  it('is that of RFC 9530', () => {
    const body = new TextEncoder().encode('{"hello": "world"}\n')
    expect(bodyDigest(body)).toBe('sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:')
    expect(bodyDigest(new Uint8Array(0))).toBe('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:')
  })

  it('fits its own body and no other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (a, b) => {
        const digest = `sha-256=:${createHash('sha256').update(a).digest('base64')}:`
        expect(bodyDigest(a)).toBe(digest)
        expect(isDigestOf(digest, b)).toBe(Buffer.compare(a, b) === 0)
      }),
    )
  })

  it.each([
    ['sha-512=:AAAA:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', true],
    ['SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', true],
    ['sha-256=::', false],
    ['sha-512=:AAAA:', undefined],
    ['xsha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', undefined],
    ['', undefined],
  ])('reads %j', (digest, fits) => {
    expect(isDigestOf(digest, new Uint8Array(0))).toBe(fits)
  })
})
