import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { StreamError } from '../errors/error.ts'
import { type Challenge, verifyChallenge } from '../wire/challenge.ts'

/** A secret that another took the place of. */
export interface EarlierSecret {
  /** At least 32 bytes. */
  readonly secret: Uint8Array
  /** From when on nothing new was made with it. In ms since 1970. */
  readonly replacedAtMs: number
}

const LEAST_BYTES = 32

/** One secret, and all that is derived from it. */
export class Key {
  readonly secret: Uint8Array
  /** `undefined` for the one that is in use. */
  readonly replacedAtMs: number | undefined

  constructor(secret: Uint8Array, replacedAtMs?: number) {
    this.secret = secret
    this.replacedAtMs = replacedAtMs
  }

  /** The id of the agreement that accepting this challenge with this nonce makes: always the same one. */
  idFor(challengeId: string, nonce: string): string {
    return this.#derive(`agreement|${challengeId}|${nonce}`).slice(0, 32)
  }

  /** The id of the agreement that the invoice of a 402 stands for: each payment hash has one, and so is used once. */
  offerId(paymentHash: string): string {
    return this.#derive(`offer|${paymentHash}`).slice(0, 32)
  }

  /** The key of the L402 tokens for one payment. */
  tokenKey(paymentHash: string): string {
    return this.#derive(`l402|${paymentHash}`)
  }

  secretFor(id: string): string {
    return this.#derive(`secret|${id}`)
  }

  #derive(text: string): string {
    return bytesToHex(hmac(sha256, this.secret, utf8ToBytes(text)))
  }
}

/**
 * The secret that a seller makes everything with, and those that it had before: what was made with one of them is good until it ends by itself
 * (spec section 7). Whoever has such a secret can make more of it, so it is to be left out once nothing of it is needed, and at once where it was told.
 */
export class Keyring {
  readonly current: Key
  /** The one in use first, then the latest. */
  readonly all: readonly Key[]

  /** @throws StreamError `option-invalid` */
  constructor(secret: Uint8Array, earlier: readonly EarlierSecret[] = []) {
    if (earlier.some((each) => each.secret.length < LEAST_BYTES)) {
      throw new StreamError('option-invalid', `an earlier secret has fewer than ${LEAST_BYTES} bytes`)
    }
    this.current = new Key(secret)
    const before = [...earlier].sort((a, b) => b.replacedAtMs - a.replacedAtMs)
    this.all = [this.current, ...before.map((each) => new Key(each.secret, each.replacedAtMs))]
  }

  /** The key that a challenge was made with; `undefined` if it was not made here, or was altered. */
  signerOf(challenge: Challenge): Key | undefined {
    return this.all.find(({ secret }) => verifyChallenge(secret, challenge))
  }
}
