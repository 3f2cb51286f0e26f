import { sha256 } from '@noble/hashes/sha2.js'
import { getSharedSecret, hashes, schnorr as signing } from '@noble/secp256k1'

/*
 * Stands in for `@noble/curves/secp256k1.js` under `nostr-tools` in the browser's bundle: the same author's smaller library, which asks for a
 * hash before it signs. `scripts/web/bundle.ts` puts it in.
 */

export const secp256k1 = { getSharedSecret }

const withHash = (): typeof signing => {
  hashes.sha256 = sha256
  return signing
}
export const schnorr = withHash()
