import { bytesToHex } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { type DecodedInvoice, decodeInvoice } from './bolt11.ts'
import { toBytes } from './bolt11Fields.ts'
import { MAX_INVOICE_LENGTH } from './payload.ts'

/** A channel that leads to the payee and may not be known otherwise (BOLT 11, field `r`). */
export interface RouteHop {
  /** Node at which the channel begins: 66 lowercase hex digits. */
  readonly publicKey: string
  /** `block x transaction x output`, as `700000x1x0`. */
  readonly channel: string
  readonly baseFeeMsat: bigint
  /** Millionths of the amount. */
  readonly feePerMillion: number
  readonly cltvDelta: number
}

export interface Feature {
  readonly bit: number
  /** As BOLT 9 calls it; `unknown` for what it does not. */
  readonly name: string
  /** An even bit: who does not know the feature must not pay. */
  readonly required: boolean
}

/** All that an invoice says. What it does not say is absent. */
export interface InvoiceDetails extends DecodedInvoice {
  readonly paymentSecret?: string
  /** SHA-256 of a description that is told elsewhere. */
  readonly descriptionHash?: string
  /** Data that goes along with the payment, in hex. */
  readonly metadata?: string
  readonly features: readonly Feature[]
  /** Ways to the payee, each a chain of channels that ends there. */
  readonly routeHints: readonly (readonly RouteHop[])[]
  /** Addresses on the chain, as witness version (17 and 18: of a key and of a script) and program in hex. */
  readonly fallbacks: readonly { readonly version: number; readonly program: string }[]
}

const TIMESTAMP_WORDS = 7
const SIGNATURE_WORDS = 104
const CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const HOP_BYTES = 51

/** BOLT 9, by the even bit of each pair, as far as invoices carry them. */
const FEATURES: Readonly<Record<number, string>> = {
  8: 'var_onion_optin',
  14: 'payment_secret',
  16: 'basic_mpp',
  24: 'option_route_blinding',
  30: 'amp',
  36: 'option_shutdown_anysegwit',
  48: 'option_payment_metadata',
}

/**
 * Decodes an invoice with everything that is in it, also what paying it does not need. The signature is checked.
 * @throws StreamError `invoice-invalid`
 * @example const { routeHints, features } = invoiceDetails('lnbcrt20n1…')
 */
export function invoiceDetails(text: string): InvoiceDetails {
  const invoice = decodeInvoice(text)
  const { words } = bech32.decode(text as `${string}1${string}`, MAX_INVOICE_LENGTH)
  const fields = fieldsOf(words.slice(TIMESTAMP_WORDS, -SIGNATURE_WORDS))
  const first = (tag: string): readonly number[] | undefined => fields.find((field) => field.tag === tag)?.words
  const hex = (tag: string, words: number): string | undefined => {
    const found = fields.find((field) => field.tag === tag && field.words.length === words)
    return found && bytesToHex(toBytes(found.words, 'cut'))
  }
  const paymentSecret = hex('s', 52)
  const descriptionHash = hex('h', 52)
  const metadata = first('m')
  return {
    ...invoice,
    ...(paymentSecret !== undefined && { paymentSecret }),
    ...(descriptionHash !== undefined && { descriptionHash }),
    ...(metadata && { metadata: bytesToHex(toBytes(metadata, 'cut')) }),
    features: featuresOf(first('9') ?? []),
    routeHints: fields.filter(({ tag }) => tag === 'r').map(({ words }) => hopsOf(toBytes(words, 'cut'))),
    fallbacks: fields
      .filter(({ tag, words }) => tag === 'f' && words.length > 1)
      .map(({ words: [version = 0, ...program] }) => ({ version, program: bytesToHex(toBytes(program, 'cut')) })),
  }
}

/** The tagged fields in their order; `decodeInvoice` found that none is cut off. */
function fieldsOf(words: readonly number[]): { readonly tag: string; readonly words: readonly number[] }[] {
  const fields = []
  for (let at = 0; at + 3 <= words.length; ) {
    const length = words[at + 1]! * 32 + words[at + 2]!
    fields.push({ tag: CHARACTERS[words[at]!]!, words: words.slice(at + 3, at + 3 + length) })
    at += 3 + length
  }
  return fields
}

/** The last word holds bits 0 to 4. */
function featuresOf(words: readonly number[]): Feature[] {
  return words
    .toReversed()
    .flatMap((word, i) => [0, 1, 2, 3, 4].filter((bit) => (word >> bit) & 1).map((bit) => i * 5 + bit))
    .map((bit) => ({ bit, name: FEATURES[bit - (bit % 2)] ?? 'unknown', required: bit % 2 === 0 }))
}

/** What does not make a whole hop is left out. */
function hopsOf(bytes: Uint8Array): RouteHop[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: Math.floor(bytes.length / HOP_BYTES) }, (_, i) => {
    const at = i * HOP_BYTES
    const channel = view.getBigUint64(at + 33)
    return {
      publicKey: bytesToHex(bytes.subarray(at, at + 33)),
      channel: `${channel >> 40n}x${(channel >> 16n) & 0xffffffn}x${channel & 0xffffn}`,
      baseFeeMsat: BigInt(view.getUint32(at + 41)),
      feePerMillion: view.getUint32(at + 45),
      cltvDelta: view.getUint16(at + 49),
    }
  })
}
