import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from './encoding.ts'
import { recoverKey } from './recoverKey.ts'
import { decodeZbase32, encodeZbase32 } from './zbase32.ts'

const PREFIX = 'Lightning Signed Message:'
/** A recoverable signature: one byte that says how to recover the key, then r and s. */
const SIGNATURE_BYTES = 65
/** 27 as in Bitcoin's signed messages, plus 4 for a compressed key. */
const COMPRESSED = 31

const digest = (text: string): Uint8Array => sha256(sha256(utf8(PREFIX + text)))

/**
 * The key that signed a text with a Lightning node's `signmessage` (LND, LDK, Core Lightning): 66 lowercase hex digits, or
 * `undefined` for a signature that is none. Every well-formed signature yields some key, so compare it to the one expected.
 * @example verifyMessage(signingText(statement), statement.signature) === statement.payee
 */
export function verifyMessage(text: string, signature: string): string | undefined {
  const bytes = decodeZbase32(signature, SIGNATURE_BYTES)
  const recovery = bytes && bytes[0]! - COMPRESSED
  if (recovery === undefined || recovery < 0 || recovery > 3) return undefined
  return recoverKey(digest(text), bytes!.subarray(1), recovery)
}

/** Signs as a node's `signmessage` would, with a key at hand. For tests and vectors: a node keeps its key to itself. */
export function signMessageWith(privateKey: Uint8Array, text: string): string {
  const signature = secp256k1.sign(digest(text), privateKey, { prehash: false, format: 'recovered' })
  return encodeZbase32(Uint8Array.of(signature[0]! + COMPRESSED, ...signature.subarray(1)))
}
