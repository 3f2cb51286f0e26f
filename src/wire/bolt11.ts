import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import { type Msat, msat } from '../money/msat.ts'
import type { Network } from '../money/network.ts'
import { invalid, readFields, toBytes, toNumber } from './bolt11Fields.ts'
import { utf8 } from './encoding.ts'
import { invoiceMismatch } from './mismatch.ts'
import { MAX_INVOICE_LENGTH } from './payload.ts'
import { recoverKey } from './recoverKey.ts'

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

/**
 * Decodes an invoice and checks its signature (BOLT 11), up to 4 KiB, on any of the five networks.
 * @throws StreamError `invoice-invalid`
 * @example const { amount, payee } = decodeInvoice('lnbcrt20n1…')
 */
export function decodeInvoice(text: string): DecodedInvoice {
  const { prefix, signed, signature, ...invoice } = readInvoice(text)
  const hash = sha256(concatBytes(utf8(prefix), toBytes(signed, 'padded')))
  return { ...invoice, payee: readPayee(toBytes(signature, 'cut'), hash, invoice.payee) }
}

/**
 * When an invoice expires, in ms since 1970, without a look at its signature, which is most of the work: for those of one's own node.
 * @throws StreamError `invoice-invalid`
 */
export const expiryOf = (text: string): number => readInvoice(text).expiresAtMs

function readInvoice(text: string) {
  if (text.length > MAX_INVOICE_LENGTH) throw invalid(`longer than ${MAX_INVOICE_LENGTH} characters`)
  const decoded = bech32.decodeUnsafe(text, MAX_INVOICE_LENGTH)
  if (!decoded) throw invalid('not a bech32 string with a right checksum')
  const { prefix, words } = decoded
  const human = readHumanPart(prefix)
  if (words.length < TIMESTAMP_WORDS + SIGNATURE_WORDS) throw invalid('too short')
  const signed = words.slice(0, -SIGNATURE_WORDS)
  const { paymentHash, payee, description, expirySeconds, minFinalCltv } = readFields(signed.slice(TIMESTAMP_WORDS))
  const createdAtMs = toNumber(signed.slice(0, TIMESTAMP_WORDS)) * 1000
  return {
    prefix,
    signed,
    signature: words.slice(-SIGNATURE_WORDS),
    request: text.toLowerCase(),
    ...human,
    paymentHash,
    payee,
    description,
    createdAtMs,
    expiresAtMs: createdAtMs + expirySeconds * 1000,
    ...(minFinalCltv !== undefined && { minFinalCltv }),
  }
}

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

export interface InvoiceExpectation {
  readonly amount: Msat
  readonly network: Network
  /** Key of the agreement's payee. */
  readonly payee: string
  readonly nowMs: number
  /** How long it must still be payable. */
  readonly minimumLifeMs: number
  /** What it must say it is for; anything when absent. */
  readonly description?: string
}

/**
 * Checks that an invoice is the one agreed on, before anything is paid.
 * @throws StreamError `invoice-mismatch`; `details.property` is `amount`, `network`, `payee`, `expiry` or `description`
 * @example checkInvoice(decodeInvoice(text), { amount, network, payee, nowMs: Date.now(), minimumLifeMs: 30_000 })
 */
export function checkInvoice(invoice: DecodedInvoice, expected: InvoiceExpectation): void {
  const mismatch = (property: string, got: string, wanted: string) => invoiceMismatch(invoice, property, got, wanted)
  const { amount, network, payee, nowMs, minimumLifeMs, description = invoice.description } = expected
  if (invoice.network !== network) throw mismatch('network', invoice.network, network)
  if (invoice.payee !== payee) throw mismatch('payee', invoice.payee, payee)
  if (invoice.amount !== amount) throw mismatch('amount', `${invoice.amount ?? 'open'} msat`, `${amount} msat`)
  if (invoice.description !== description) throw mismatch('description', `"${invoice.description}"`, `"${description}"`)
  const lifeMs = invoice.expiresAtMs - nowMs
  if (lifeMs < minimumLifeMs) throw mismatch('expiry', `in ${lifeMs} ms`, `at least ${minimumLifeMs} ms away`)
}
