import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import { StreamError } from '../../errors/error.ts'
import { decodeBase64url, encodeBase64url, fromUtf8, sameBytes, utf8 } from '../encoding.ts'

/**
 * A macaroon in version 2 of the binary format, with first-party caveats only: what L402 uses. Byte for byte what the Go library
 * `gopkg.in/macaroon.v2` makes of the same key, identifier, location and caveats (`spec/vectors/macaroon.json`).
 */
export interface Macaroon {
  /** For people: nothing signs it. */
  readonly location: string
  readonly identifier: Uint8Array
  readonly caveats: readonly string[]
  /** 32 bytes. */
  readonly signature: Uint8Array
}

/** The bytes of a macaroon that are read. */
export const MAX_MACAROON = 4096
const MAX_CAVEATS = 32
const VERSION = 2
const END = 0
const LOCATION = 1
const IDENTIFIER = 2
const SIGNATURE = 6
const SIGNATURE_BYTES = 32
// The published texts leave this step out; every deployed library has it.
const KEY_GENERATOR = utf8('macaroons-key-generator')

const sign = (key: Uint8Array, data: Uint8Array): Uint8Array => hmac(sha256, key, data)

/**
 * Makes a macaroon.
 * @param rootKey kept by the seller, of any length; a token is revoked by forgetting it
 * @example mintMacaroon(rootKey, encodeIdentifier({ paymentHash, tokenId }), 'api.example.com', ['services=stream:0'])
 */
export function mintMacaroon(
  rootKey: Uint8Array,
  identifier: Uint8Array,
  location: string,
  caveats: readonly string[],
): Macaroon {
  const bare = { location, identifier, caveats: [], signature: sign(sign(KEY_GENERATOR, rootKey), identifier) }
  return caveats.reduce(addCaveat, bare as Macaroon)
}

/** A macaroon with one caveat more. Whoever holds a macaroon can narrow it so, without the key. */
export const addCaveat = (macaroon: Macaroon, caveat: string): Macaroon => ({
  ...macaroon,
  caveats: [...macaroon.caveats, caveat],
  signature: sign(macaroon.signature, utf8(caveat)),
})

/** Whether a macaroon was minted with this key, and only narrowed since. Constant time in the signature. What its caveats allow is another question. */
export function verifyMacaroon(rootKey: Uint8Array, macaroon: Macaroon): boolean {
  const { signature } = mintMacaroon(rootKey, macaroon.identifier, '', macaroon.caveats)
  return sameBytes(macaroon.signature, signature)
}

export function encodeMacaroon({ location, identifier, caveats, signature }: Macaroon): Uint8Array {
  const end = Uint8Array.of(END)
  return concatBytes(
    Uint8Array.of(VERSION),
    ...(location === '' ? [] : [field(LOCATION, utf8(location))]),
    field(IDENTIFIER, identifier),
    end,
    ...caveats.flatMap((caveat) => [field(IDENTIFIER, utf8(caveat)), end]),
    end,
    field(SIGNATURE, signature),
  )
}

const field = (type: number, data: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(type), varint(data.length), data)

const varint = (value: number): Uint8Array =>
  value < 128 ? Uint8Array.of(value) : concatBytes(Uint8Array.of((value & 127) | 128), varint(value >>> 7))

/**
 * Reads a macaroon of at most 4 KiB with at most 32 caveats, to its last byte.
 * @throws StreamError `macaroon-invalid`, also for third-party caveats, which L402 has none of, and for caveats that are not UTF-8
 */
export function decodeMacaroon(bytes: Uint8Array): Macaroon {
  if (bytes.length > MAX_MACAROON) throw invalid(`longer than ${MAX_MACAROON} bytes`)
  if (bytes[0] !== VERSION) throw invalid('not version 2 of the binary format')
  const reader = new Reader(bytes.subarray(1))
  const head = reader.section()
  if (head[0]?.type === LOCATION) head.shift()
  const [identifier] = head
  if (head.length !== 1 || identifier?.type !== IDENTIFIER) throw invalid('its identifier is missing')
  const caveats: string[] = []
  for (let section = reader.section(); section.length > 0; section = reader.section()) {
    const [caveat] = section
    if (section.length !== 1 || caveat?.type !== IDENTIFIER) throw invalid('a caveat that is not of the first party')
    caveats.push(text(caveat.data))
    if (caveats.length > MAX_CAVEATS) throw invalid(`more than ${MAX_CAVEATS} caveats`)
  }
  const signature = reader.field()
  if (signature.type !== SIGNATURE || signature.data.length !== SIGNATURE_BYTES)
    throw invalid('its signature is missing')
  if (!reader.isAtEnd) throw invalid('something stands after it')
  return { location: locationOf(bytes), identifier: identifier.data, caveats, signature: signature.data }
}

function locationOf(bytes: Uint8Array): string {
  const first = new Reader(bytes.subarray(1)).field()
  return first.type === LOCATION ? text(first.data) : ''
}

interface Field {
  readonly type: number
  readonly data: Uint8Array
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The fields before the next end marker, in rising order of their types. */
  section(): Field[] {
    const fields: Field[] = []
    for (let next = this.field(); next.type !== END; next = this.field()) {
      if (next.type <= (fields.at(-1)?.type ?? 0)) throw invalid('its fields are out of order')
      fields.push(next)
    }
    return fields
  }

  field(): Field {
    const type = this.#varint()
    if (type === END) return { type, data: new Uint8Array() }
    const length = this.#varint()
    if (length > this.#bytes.length - this.#at) throw invalid('it ends too early')
    const data = this.#bytes.slice(this.#at, this.#at + length)
    this.#at += length
    return { type, data }
  }

  /** Up to four bytes, which is more than any length that is read here. */
  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw invalid('it ends too early')
      this.#at += 1
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
    throw invalid('a length is beyond bounds')
  }
}

const text = (bytes: Uint8Array): string => {
  const read = fromUtf8(bytes)
  if (read === undefined) throw invalid('not UTF-8')
  return read
}

const invalid = (detail: string): StreamError => new StreamError('macaroon-invalid', `not a macaroon: ${detail}`)

/** The text of a macaroon in a header: base64 of the standard alphabet, padded, as aperture writes it. */
export function formatMacaroon(macaroon: Macaroon): string {
  const text = encodeBase64url(encodeMacaroon(macaroon)).replaceAll('-', '+').replaceAll('_', '/')
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/**
 * Reads the text of a macaroon: base64 of either alphabet, padded or not.
 * @throws StreamError `macaroon-invalid`
 */
export function parseMacaroon(encoded: string): Macaroon {
  if (encoded.length > MAX_MACAROON * 1.5) throw invalid(`longer than ${MAX_MACAROON} bytes`)
  const bytes = decodeBase64url(
    encoded
      .replace(/={1,2}$/, '')
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  )
  if (!bytes) throw invalid('not base64')
  return decodeMacaroon(bytes)
}

/** What an L402 identifier names (L402, "Macaroon Identifier"): 66 bytes, the version, then these. */
export interface Identifier {
  /** 64 lowercase hex digits: the payment that makes the token good. */
  readonly paymentHash: string
  /** 64 lowercase hex digits, the token's own. */
  readonly tokenId: string
}

export const encodeIdentifier = ({ paymentHash, tokenId }: Identifier): Uint8Array =>
  concatBytes(Uint8Array.of(0, 0), hexToBytes(paymentHash), hexToBytes(tokenId))

/** `undefined` for an identifier of another form or version. */
export function decodeIdentifier(bytes: Uint8Array): Identifier | undefined {
  if (bytes.length !== 66 || bytes[0] !== 0 || bytes[1] !== 0) return undefined
  return { paymentHash: bytesToHex(bytes.subarray(2, 34)), tokenId: bytesToHex(bytes.subarray(34)) }
}
