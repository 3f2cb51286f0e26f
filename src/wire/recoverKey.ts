import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'

type Recover = (hash: Uint8Array, signature: Uint8Array, recovery: 0 | 1 | 2 | 3) => Uint8Array | null

const inJavaScript: Recover = (hash, signature, recovery) =>
  secp256k1.recoverPublicKey(Uint8Array.of(recovery, ...signature), hash, { prehash: false })

let recover = inJavaScript
let loading: Promise<void> | undefined

/** Recovers a compressed public key, hex, from a 64-byte signature of a hash of 32 bytes; `undefined` if there is none. */
export function recoverKey(hash: Uint8Array, signature: Uint8Array, recovery: number): string | undefined {
  try {
    const key = recover(hash, signature, recovery as 0)
    return key ? bytesToHex(key) : undefined
  } catch {
    return undefined
  }
}

/**
 * Lets `recoverKey` do the same in WebAssembly from a moment on, where that can be had: in 0.3 ms, and not in 1.4, or 3 while it is new. Loading holds up the
 * process for about 10 ms, so buyers and sellers ask for it when they are made. Browsers do without (`imports` of package.json): it has more than 1 MB.
 */
export function loadRecovery(): Promise<void> {
  loading ??= import('#secp256k1').then(
    (wasm) => {
      if (wasm.recover) recover = (hash, signature, recovery) => wasm.recover(hash, signature, recovery, true)
    },
    () => {},
  )
  return loading
}
