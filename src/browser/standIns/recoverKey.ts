import { recoverPublicKey } from '@noble/secp256k1'
import { bytesToHex } from './hashes.ts'

/** Stands in for `src/wire/recoverKey.ts` in the browser's bundle, without the WebAssembly, which is larger than all else. `scripts/web/bundle.ts` puts it in. */
export function recoverKey(hash: Uint8Array, signature: Uint8Array, recovery: number): string | undefined {
  try {
    return bytesToHex(recoverPublicKey(Uint8Array.of(recovery, ...signature), hash, { prehash: false }))
  } catch {
    return undefined
  }
}

export const loadRecovery = async (): Promise<void> => {}
