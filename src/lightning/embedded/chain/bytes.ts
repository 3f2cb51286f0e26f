import { createHash } from 'node:crypto'

export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
/** Double SHA-256, what Bitcoin identifies blocks and transactions by. */
export const hash256 = (bytes: Uint8Array): Buffer => sha256(sha256(bytes))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const fromHex = (hex: string): Buffer => Buffer.from(hex, 'hex')
/** Hashes are stored little-endian and shown big-endian. */
export const reversed = (bytes: Uint8Array): Buffer => Buffer.from(bytes).reverse()

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** Bitcoin's CompactSize. A block here never holds more than 65 535 transactions. */
export function compactSize(value: number): Buffer {
  if (value < 0xfd) return Buffer.from([value])
  const bytes = Buffer.from([0xfd, 0, 0])
  bytes.writeUInt16LE(value, 1)
  return bytes
}
