import { sha256 } from '@noble/hashes/sha2.js'
import { encodeBase64url } from './encoding.ts'

/** In base64 with its padding, which for 32 bytes is one character. */
const hashOf = (body: Uint8Array): string =>
  `${encodeBase64url(sha256(body)).replaceAll('-', '+').replaceAll('_', '/')}=`

/** The `digest` of a body (RFC 9530, as draft-httpauth-payment has it in "Request Body Digest Binding"). */
export const bodyDigest = (body: Uint8Array): string => `sha-256=:${hashOf(body)}:`

/**
 * Whether a `digest` is of this body; `undefined` where it names no algorithm that is known here.
 * @example isDigestOf('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', new Uint8Array(0))
 */
export function isDigestOf(digest: string, body: Uint8Array): boolean | undefined {
  const stated = /(?:^|,)[ \t]*sha-256=:([\w+/]*={0,2}):/i.exec(digest)?.[1]
  return stated === undefined ? undefined : stated === hashOf(body)
}
