import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, randomBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import type { Network } from '../../lightning/node.ts'
import { utf8 } from '../encoding.ts'

export interface InvoiceParts {
  readonly privateKey: Uint8Array
  readonly network: Network
  /** In msat. Absent: the payer chooses. */
  readonly amount?: bigint
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly description: string
  readonly createdAtMs: number
  readonly expiresInSeconds: number
}

const CURRENCY: Readonly<Record<Network, string>> = {
  mainnet: 'bc',
  testnet: 'tb',
  signet: 'tbs',
  regtest: 'bcrt',
  simnet: 'sb',
}

/** An invoice that no node made: 5 sat on regtest for ten minutes, by a key of nobody's, unless told otherwise. */
export const foreignInvoice = (parts: Partial<InvoiceParts> = {}): string =>
  makeInvoice({
    privateKey: randomBytes(32),
    network: 'regtest',
    amount: 5000n,
    paymentHash: bytesToHex(randomBytes(32)),
    description: '',
    createdAtMs: Date.now(),
    expiresInSeconds: 600,
    ...parts,
  })

/** Writes and signs a BOLT 11 invoice, for tests and for nodes that only pretend. Real nodes write their own. */
export function makeInvoice(parts: InvoiceParts): string {
  const amount = parts.amount === undefined ? '' : `${parts.amount}0p`
  return signInvoice(`ln${CURRENCY[parts.network]}${amount}`, parts.privateKey, [
    ...timestamp(parts.createdAtMs),
    ...field('p', bech32.toWords(hexToBytes(parts.paymentHash))),
    ...field('s', bech32.toWords(sha256(hexToBytes(parts.paymentHash)))),
    ...field('d', bech32.toWords(utf8(parts.description))),
    ...field('x', toWords(BigInt(parts.expiresInSeconds))),
    ...field('c', toWords(18n)),
    // features 8 and 14 demanded: variable onion, payment secret
    ...field('9', toWords((1n << 8n) | (1n << 14n))),
  ])
}

/** Signs whatever words stand before the signature, valid or not. */
export function signInvoice(prefix: string, privateKey: Uint8Array, words: readonly number[]): string {
  const padded = [...words, ...new Array<number>((8 - (words.length % 8)) % 8).fill(0)]
  const bytes = bech32.fromWords(padded).subarray(0, Math.ceil((words.length * 5) / 8))
  const hash = sha256(concatBytes(utf8(prefix), bytes))
  const signature = secp256k1.sign(hash, privateKey, { prehash: false, format: 'recovered' })
  const compact = Uint8Array.of(...signature.subarray(1), signature[0]!)
  return bech32.encode(prefix, [...words, ...bech32.toWords(compact)], false)
}

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

/** A tagged field, by the letter BOLT 11 gives it. */
export const field = (tag: string, words: readonly number[]): number[] => [
  ALPHABET.indexOf(tag),
  words.length >> 5,
  words.length & 31,
  ...words,
]

export const toWords = (value: bigint): number[] =>
  value < 32n ? [Number(value)] : [...toWords(value >> 5n), Number(value & 31n)]

export function timestamp(ms: number): number[] {
  const words = toWords(BigInt(Math.floor(ms / 1000)))
  return [...new Array<number>(7 - words.length).fill(0), ...words]
}
