import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import { bech32 } from '@scure/base'
import type { Network } from '../../lightning/node.ts'
import { utf8 } from '../encoding.ts'

export interface InvoiceParts {
  readonly privateKey: Uint8Array
  readonly network: Network
  /** Absent: the payer chooses. */
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

/** Writes and signs a BOLT 11 invoice, for tests and for nodes that only pretend. Real nodes write their own. */
export function makeInvoice(parts: InvoiceParts): string {
  const prefix = `ln${CURRENCY[parts.network]}${parts.amount === undefined ? '' : `${parts.amount}0p`}`
  const words = [
    ...padStart(toWords(BigInt(Math.floor(parts.createdAtMs / 1000))), 7),
    ...field(1, bech32.toWords(hexToBytes(parts.paymentHash))),
    ...field(16, bech32.toWords(sha256(hexToBytes(parts.paymentHash)))),
    ...field(13, bech32.toWords(utf8(parts.description))),
    ...field(6, toWords(BigInt(parts.expiresInSeconds))),
    ...field(24, toWords(18n)),
    // features 8 and 14 demanded: variable onion, payment secret
    ...field(5, toWords((1n << 8n) | (1n << 14n))),
  ]
  const padded = [...words, ...new Array<number>((8 - (words.length % 8)) % 8).fill(0)]
  const bytes = bech32.fromWords(padded).subarray(0, Math.ceil((words.length * 5) / 8))
  const hash = sha256(concatBytes(utf8(prefix), bytes))
  const signature = secp256k1.sign(hash, parts.privateKey, { prehash: false, format: 'recovered' })
  const compact = Uint8Array.of(...signature.subarray(1), signature[0]!)
  return bech32.encode(prefix, [...words, ...bech32.toWords(compact)], false)
}

function toWords(value: bigint): number[] {
  return value < 32n ? [Number(value)] : [...toWords(value >> 5n), Number(value & 31n)]
}
const padStart = (words: number[], length: number): number[] => [
  ...new Array<number>(length - words.length).fill(0),
  ...words,
]
const field = (tag: number, words: number[]): number[] => [tag, words.length >> 5, words.length & 31, ...words]
