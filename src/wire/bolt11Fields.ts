import { bytesToHex } from '@noble/hashes/utils.js'
import { StreamError } from '../errors/error.ts'
import { fromUtf8 } from './encoding.ts'

const HASH_WORDS = 52
const KEY_WORDS = 53
const DEFAULT_EXPIRY_SECONDS = 3600
/** Far beyond any sense, and still exact when added to a timestamp in milliseconds. */
const MAX_SECONDS = 2 ** 40
/** Features of BOLT 9 that an invoice may demand and that every node Stream runs on knows. */
const KNOWN_FEATURES: ReadonlySet<number> = new Set([8, 14, 16, 24, 36, 48])

export const invalid = (detail: string): StreamError =>
  new StreamError('invoice-invalid', `the invoice is invalid: ${detail}`)

/** What the tagged fields of an invoice say. */
export interface TaggedFields {
  readonly paymentHash: string
  /** The `n` field, if there is one. */
  readonly payee: Uint8Array | undefined
  readonly description: string
  readonly expirySeconds: number
  readonly minFinalCltv: number | undefined
}

/** Numbers of the tagged fields that are read: the value of their bech32 character. */
const TAG = {
  paymentHash: 1,
  secret: 16,
  description: 13,
  payee: 19,
  descriptionHash: 23,
  expiry: 6,
  cltv: 24,
  features: 5,
}
const FIXED_WORDS = new Map([
  [TAG.paymentHash, HASH_WORDS],
  [TAG.secret, HASH_WORDS],
  [TAG.descriptionHash, HASH_WORDS],
  [TAG.payee, KEY_WORDS],
])

/** Reads the tagged fields (BOLT 11, "Tagged Fields"). @throws StreamError `invoice-invalid` */
export function readFields(words: readonly number[]): TaggedFields {
  const first = new Map<number, readonly number[]>()
  for (let at = 0; at < words.length; ) {
    if (at + 3 > words.length) throw invalid('a field is cut off')
    const tag = words[at]!
    const length = words[at + 1]! * 32 + words[at + 2]!
    const data = words.slice(at + 3, at + 3 + length)
    if (data.length < length) throw invalid('a field is cut off')
    at += 3 + length
    // a field of unforeseen length is skipped, as BOLT 11's own example of ignored fields has it; of several, the first counts
    const fits = (FIXED_WORDS.get(tag) ?? length) === length
    if (fits && !first.has(tag)) first.set(tag, data)
  }
  const paymentHash = first.get(TAG.paymentHash)
  if (!paymentHash) throw invalid('it has no payment hash')
  if (!first.has(TAG.secret)) throw invalid('it has no payment secret')
  if (first.has(TAG.description) === first.has(TAG.descriptionHash)) {
    throw invalid('it must have a description or the hash of one, and not both')
  }
  refuseUnknownFeatures(first.get(TAG.features) ?? [])
  const description = fromUtf8(toBytes(first.get(TAG.description) ?? [], 'cut'))
  if (description === undefined) throw invalid('its description is not UTF-8')
  const payee = first.get(TAG.payee)
  const expiry = first.get(TAG.expiry)
  const cltv = first.get(TAG.cltv)
  return {
    paymentHash: bytesToHex(toBytes(paymentHash, 'cut')),
    payee: payee && toBytes(payee, 'cut'),
    description,
    expirySeconds: expiry ? toNumber(minimal(expiry)) : DEFAULT_EXPIRY_SECONDS,
    minFinalCltv: cltv && toNumber(minimal(cltv)),
  }
}

function minimal(words: readonly number[]): readonly number[] {
  if (words[0] === 0) throw invalid('a number is written with leading zeros')
  return words
}

/** An even bit demands a feature: paying without knowing it could pay wrongly. The last word holds bits 0 to 4. */
function refuseUnknownFeatures(words: readonly number[]): void {
  minimal(words)
  words.forEach((word, i) => {
    for (let bit = 0; bit < 5; bit++) {
      const feature = (words.length - 1 - i) * 5 + bit
      if ((word >> bit) & 1 && feature % 2 === 0 && !KNOWN_FEATURES.has(feature)) {
        throw invalid(`it demands feature ${feature}, which is unknown`)
      }
    }
  })
}

/** Words of five bits as a number, cut off at `MAX_SECONDS`. */
export const toNumber = (words: readonly number[]): number =>
  words.reduce((sum, word) => Math.min(sum * 32 + word, MAX_SECONDS), 0)

/** Words of five bits as bytes; bits that do not fill a byte are cut off, or padded with zeros. */
export function toBytes(words: readonly number[], rest: 'cut' | 'padded'): Uint8Array {
  const bits = words.length * 5
  const bytes = new Uint8Array(rest === 'padded' ? Math.ceil(bits / 8) : Math.floor(bits / 8))
  words.forEach((word, i) => {
    for (let bit = 0; bit < 5; bit++) {
      const at = i * 5 + bit
      if ((word >> (4 - bit)) & 1 && at >> 3 < bytes.length) bytes[at >> 3]! |= 0x80 >> (at & 7)
    }
  })
  return bytes
}
