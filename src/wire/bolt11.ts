import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { StreamError } from '../errors/error.ts'
import { type Msat, msat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'
import { fromUtf8, utf8 } from './encoding.ts'
import { recoverKey } from './message.ts'
import { MAX_INVOICE_LENGTH } from './payload.ts'

/** A BOLT 11 invoice whose signature was checked. */
export interface DecodedInvoice {
  /** The invoice itself, in lower case. */
  readonly request: string
  readonly network: Network
  /** Absent if the invoice leaves the amount to the payer. */
  readonly amount?: Msat
  /** 64 lowercase hex digits. */
  readonly paymentHash: string
  /** Key that signed: 66 lowercase hex digits. */
  readonly payee: string
  /** Empty if the invoice only carries the hash of one. Written by the payee: never to be trusted or shown unescaped. */
  readonly description: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** Blocks the last HTLC must leave; 18 where the invoice is silent. */
  readonly minFinalCltv?: number
}

const PREFIXES: Readonly<Record<string, Network>> = {
  bc: 'mainnet',
  tb: 'testnet',
  tbs: 'signet',
  bcrt: 'regtest',
  sb: 'simnet',
}
/** msat in one unit of each multiplier, times ten, since a pico-BTC is a tenth of a msat. */
const TENTHS_OF_MSAT: Readonly<Record<string, bigint>> = {
  '': 10n ** 12n,
  m: 10n ** 9n,
  u: 10n ** 6n,
  n: 1000n,
  p: 1n,
}
const HUMAN_PART = /^ln(bcrt|bc|tbs|tb|sb)(?:([1-9]\d{0,19})([munp]?))?$/

const TIMESTAMP_WORDS = 7
const SIGNATURE_WORDS = 104
const HASH_WORDS = 52
const KEY_WORDS = 53
const DEFAULT_EXPIRY_SECONDS = 3600
/** Far beyond any sense, and still exact when added to a timestamp in milliseconds. */
const MAX_SECONDS = 2 ** 40
/** Features of BOLT 9 that an invoice may demand and that every node Stream runs on knows. */
const KNOWN_FEATURES: ReadonlySet<number> = new Set([8, 14, 16, 24, 36, 48])

/**
 * Decodes an invoice and checks its signature (BOLT 11), up to 4 KiB, on any of the five networks.
 * @throws StreamError `invoice-invalid`
 * @example const { amount, payee } = decodeInvoice('lnbcrt20n1…')
 */
export function decodeInvoice(text: string): DecodedInvoice {
  if (text.length > MAX_INVOICE_LENGTH) throw invalid(`longer than ${MAX_INVOICE_LENGTH} characters`)
  const decoded = bech32.decodeUnsafe(text, MAX_INVOICE_LENGTH)
  if (!decoded) throw invalid('not a bech32 string with a right checksum')
  const { prefix, words } = decoded
  const human = readHumanPart(prefix)
  if (words.length < TIMESTAMP_WORDS + SIGNATURE_WORDS) throw invalid('too short')
  const signed = words.slice(0, -SIGNATURE_WORDS)
  const fields = readFields(signed.slice(TIMESTAMP_WORDS))
  const hash = sha256(concatBytes(utf8(prefix), toBytes(signed, 'padded')))
  const createdAtMs = toNumber(signed.slice(0, TIMESTAMP_WORDS)) * 1000
  return {
    request: text.toLowerCase(),
    ...human,
    paymentHash: fields.paymentHash,
    payee: readPayee(toBytes(words.slice(-SIGNATURE_WORDS), 'cut'), hash, fields.payee),
    description: fields.description,
    createdAtMs,
    expiresAtMs: createdAtMs + fields.expirySeconds * 1000,
    ...(fields.minFinalCltv !== undefined && { minFinalCltv: fields.minFinalCltv }),
  }
}

const invalid = (detail: string): StreamError => new StreamError('invoice-invalid', `the invoice is invalid: ${detail}`)

function readHumanPart(prefix: string): { network: Network; amount?: Msat } {
  const match = HUMAN_PART.exec(prefix)
  if (!match) throw invalid('unknown network, or not an amount')
  const [, currency = '', digits, multiplier = ''] = match
  const network = PREFIXES[currency]!
  if (digits === undefined) return { network }
  const tenths = BigInt(digits) * TENTHS_OF_MSAT[multiplier]!
  if (tenths % 10n !== 0n) throw invalid('its amount is not a whole number of msat')
  try {
    return { network, amount: msat(tenths / 10n) }
  } catch {
    throw invalid('its amount exceeds 21 million BTC')
  }
}

interface TaggedFields {
  readonly paymentHash: string
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

function readFields(words: readonly number[]): TaggedFields {
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

function readPayee(signature: Uint8Array, hash: Uint8Array, named: Uint8Array | undefined): string {
  const compact = signature.subarray(0, 64)
  if (!named) {
    const recovered = recoverKey(hash, compact, signature[64]!)
    if (!recovered) throw invalid('no key can be recovered from its signature')
    return recovered
  }
  if (!isSignedBy(named, hash, compact)) throw invalid("its signature is not the named payee's")
  return bytesToHex(named)
}

function isSignedBy(key: Uint8Array, hash: Uint8Array, signature: Uint8Array): boolean {
  try {
    return secp256k1.verify(signature, hash, key, { prehash: false, lowS: true })
  } catch {
    return false
  }
}

/** Words of five bits as a number, cut off at `MAX_SECONDS`. */
const toNumber = (words: readonly number[]): number =>
  words.reduce((sum, word) => Math.min(sum * 32 + word, MAX_SECONDS), 0)

/** Words of five bits as bytes; bits that do not fill a byte are cut off, or padded with zeros. */
function toBytes(words: readonly number[], rest: 'cut' | 'padded'): Uint8Array {
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

export interface InvoiceExpectation {
  readonly amount: Msat
  readonly network: Network
  /** Key of the agreement's payee. */
  readonly payee: string
  readonly nowMs: number
  /** How long it must still be payable. */
  readonly minimumLifeMs: number
}

/**
 * Checks that an invoice is the one agreed on, before anything is paid.
 * @throws StreamError `invoice-mismatch`; `details.property` is `amount`, `network`, `payee` or `expiry`
 * @example checkInvoice(decodeInvoice(text), { amount, network, payee, nowMs: Date.now(), minimumLifeMs: 30_000 })
 */
export function checkInvoice(invoice: DecodedInvoice, expected: InvoiceExpectation): void {
  const mismatch = (property: string, got: string, wanted: string) =>
    new StreamError('invoice-mismatch', `the invoice's ${property} is ${got}, not ${wanted}`, {
      property,
      paymentHash: invoice.paymentHash,
      got,
      wanted,
    })
  const { amount, network, payee, nowMs, minimumLifeMs } = expected
  if (invoice.network !== network) throw mismatch('network', invoice.network, network)
  if (invoice.payee !== payee) throw mismatch('payee', invoice.payee, payee)
  if (invoice.amount !== amount) throw mismatch('amount', `${invoice.amount ?? 'open'} msat`, `${amount} msat`)
  const lifeMs = invoice.expiresAtMs - nowMs
  if (lifeMs < minimumLifeMs) throw mismatch('expiry', `in ${lifeMs} ms`, `at least ${minimumLifeMs} ms away`)
}
