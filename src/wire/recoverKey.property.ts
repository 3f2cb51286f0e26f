import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex, bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as inBrowsers from '../browser/standIns/recoverKey.ts'
import { loadRecovery, recoverKey } from './recoverKey.ts'

const { n: ORDER } = secp256k1.Point.CURVE()
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const key = bytes(32).filter((one) => secp256k1.utils.isValidSecretKey(one))
/** Below, at and above what r and s may be. */
const scalar = fc.oneof(
  bytes(32),
  fc.constantFrom(0n, 1n, ORDER - 1n, ORDER, ORDER + 1n).map((value) => numberToBytesBE(value, 32)),
)
const signed = fc.record({ key, hash: bytes(32), isHigh: fc.boolean() }).map(({ key, hash, isHigh }) => {
  const [recovery, ...signature] = secp256k1.sign(hash, key, { prehash: false, format: 'recovered' })
  const high = numberToBytesBE(ORDER - bytesToNumberBE(Uint8Array.from(signature.slice(32))), 32)
  return {
    hash,
    signature: Uint8Array.from(isHigh ? [...signature.slice(0, 32), ...high] : signature),
    recovery: isHigh ? recovery! ^ 1 : recovery!,
    signer: bytesToHex(secp256k1.getPublicKey(key)),
  }
})
const anything = fc.record({
  hash: bytes(32),
  signature: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(scalar, scalar).map(([r, s]) => Uint8Array.from([...r, ...s])) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 70 }) },
  ),
  recovery: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -1, max: 255 })),
})

describe('a key that is recovered from a signature', () => {
  const inJavaScript: (string | undefined)[] = []
  const samples = fc.sample(anything, { numRuns: 500, seed: 7 })
  test('is the same in JavaScript and in WebAssembly, and in browsers, whatever is signed how', async () => {
    for (const { hash, signature, recovery } of samples) inJavaScript.push(recoverKey(hash, signature, recovery))
    expect(inJavaScript.filter((one) => one !== undefined).length, 'some have a key').toBeGreaterThan(10)
    await loadRecovery()
    const inWasm = samples.map(({ hash, signature, recovery }) => recoverKey(hash, signature, recovery))
    expect(inWasm).toEqual(inJavaScript)
    const there = samples.map(({ hash, signature, recovery }) => inBrowsers.recoverKey(hash, signature, recovery))
    expect(there).toEqual(inJavaScript)
  })

  test('is the one that signed', async () => {
    await loadRecovery()
    fc.assert(
      fc.property(signed, ({ hash, signature, recovery, signer }) => {
        expect(recoverKey(hash, signature, recovery)).toBe(signer)
        expect(inBrowsers.recoverKey(hash, signature, recovery)).toBe(signer)
      }),
    )
  })
})
