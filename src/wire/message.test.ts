import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signMessageWith, verifyMessage } from './message.ts'
import { nodeKey, payee } from './testing/fixtures.ts'
import { decodeZbase32, encodeZbase32 } from './zbase32.ts'

describe('verifyMessage', () => {
  // signatures that people made with their LND and c-lightning nodes; they travel through the test suites of several nodes
  it.each([
    [
      'is this compatible?',
      'rbgfioj114mh48d8egqx8o9qxqw4fmhe8jbeeabdioxnjk8z3t1ma1hu1fiswpakgucwwzwo6ofycffbsqusqdimugbh41n1g698hr9t',
      '02b80cabdf82638aac86948e4c06e82064f547768dcef977677b9ea931ea75bab5',
    ],
    [
      'hi',
      'rnrphcjswusbacjnmmmrynh9pqip7sy5cx695h6mfu64iac6qmcmsd8xnsyczwmpqp9shqkth3h4jmkgyqu5z47jfn1q7gpxtaqpx4xg',
      '02de60d194e1ca5947b59fe8e2efd6aadeabfb67f2e89e13ae1a799c1e08e4a43b',
    ],
    [
      'hi',
      'ry8bbsopmduhxy3dr5d9ekfeabdpimfx95kagdem7914wtca79jwamtbw4rxh69hg7n6x9ty8cqk33knbxaqftgxsfsaeprxkn1k48p3',
      '022b8ece90ee891cbcdac0c1cc6af46b73c47212d8defbce80265ac81a6b794931',
    ],
  ])('recovers who signed "%s"', (text, signature, key) => {
    expect(verifyMessage(text, signature)).toBe(key)
  })

  it('signs as LDK does', () => {
    const one = new Uint8Array(32).fill(1, 31)
    expect(signMessageWith(one, 'test message')).toBe(
      'd9tibmnic9t5y41hg7hkakdcra94akas9ku3rmmj4ag9mritc8ok4p5qzefs78c9pqfhpuftqqzhydbdwfg7u6w6wdxcqpqn4sj4e73e',
    )
  })

  it('recovers the key of every signature it makes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string({ unit: 'grapheme' }), (key, text) => {
        fc.pre(secp256k1.utils.isValidSecretKey(key))
        const signature = signMessageWith(key, text)
        expect(signature).toHaveLength(104)
        expect(verifyMessage(text, signature)).toBe(bytesToHex(secp256k1.getPublicKey(key)))
        expect(verifyMessage(`${text} `, signature)).not.toBe(bytesToHex(secp256k1.getPublicKey(key)))
      }),
      { numRuns: 20 },
    )
  })

  it('refuses what is no signature', () => {
    const signature = signMessageWith(nodeKey, 'x')
    expect(verifyMessage('x', signature)).toBe(payee)
    const bytes = decodeZbase32(signature, 65)!
    // 27 to 30 would be keys written at full length, which a node never uses
    for (const first of [0, 27, 30, 35, 255]) {
      expect(verifyMessage('x', encodeZbase32(Uint8Array.of(first, ...bytes.subarray(1))))).toBeUndefined()
    }
    const zeros = encodeZbase32(Uint8Array.of(31, ...new Uint8Array(64)))
    for (const wrong of ['', 'y', signature.slice(1), `${signature}y`, signature.toUpperCase(), zeros]) {
      expect(verifyMessage('x', wrong)).toBeUndefined()
    }
  })

  it('never throws', () => {
    const anySignature = fc.uint8Array({ minLength: 65, maxLength: 65 }).map(encodeZbase32)
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.string(), anySignature), (text, signature) => {
        expect(verifyMessage(text, signature)).toSatisfy((key) => key === undefined || /^0[23][0-9a-f]{64}$/.test(key))
      }),
      { numRuns: 200 },
    )
  })
})
