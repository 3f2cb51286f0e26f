/** What bundles for browsers have in the place of `tiny-secp256k1`: see `recoverKey.ts`. */
export const recover = undefined
