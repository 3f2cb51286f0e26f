import { Point, recoverPublicKey, verify } from '@noble/secp256k1'

/**
 * Stands in for `@noble/curves/secp256k1.js` in the browser's bundle: the same author's smaller library, which does what reading an
 * invoice and a statement needs. Nothing is signed in a browser. `scripts/web/bundle.ts` puts it in.
 */
export const secp256k1 = { Point, recoverPublicKey, verify }
