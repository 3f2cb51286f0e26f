import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { sameText } from './encoding.ts'

/** Whether a preimage opens this payment hash (BOLT 11): both in lowercase hex, in constant time. @throws Error for what is not hex */
export const isPreimageOf = (preimage: string, paymentHash: string): boolean =>
  sameText(paymentHash, bytesToHex(sha256(hexToBytes(preimage))))
