import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { sha256 } from '@noble/hashes/sha2.js'
import { hex } from '@scure/base'
import { type BtcdRpc, blockHeight, callBtcd, callBtcdAll } from './btcd.ts'

/*
 * btcd deletes its regtest chain whenever it starts. So every block is kept here too, one line of hex each, the first block first,
 * and given back to it: a chain, its coins and its channels outlive btcd, however that ended.
 */

const HEADER_BYTES = 80

/** The blocks of the file, from height 1 on. A last line that was not finished is none. */
export function readBlocks(file: string): string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'latin1').split('\n').slice(0, -1)
}

/** Hash of a block, as explorers print it. */
export function blockHash(block: string): string {
  const header = hex.decode(block.slice(0, HEADER_BYTES * 2))
  return hex.encode(sha256(sha256(header)).reverse())
}

/**
 * Makes btcd and the file hold the same blocks: gives btcd what it has lost, and writes down what it has mined since.
 * @returns the height of both
 * @throws Error when the two are different chains
 */
export async function reconcileBlocks(rpc: BtcdRpc, file: string): Promise<number> {
  const kept = readBlocks(file)
  const height = await blockHeight(rpc)
  const common = Math.min(kept.length, height)
  if (common > 0) {
    const theirs = await callBtcd<string>(rpc, 'getblockhash', common)
    if (theirs !== blockHash(kept[common - 1]!)) throw new Error(`btcd has another block ${common} than ${file}`)
  }
  const lost = kept.slice(height).map((block) => [block])
  // `null` where it is taken, its words where not.
  const refusal = (await callBtcdAll<string | null>(rpc, 'submitblock', lost)).find((answer) => answer !== null)
  if (refusal) throw new Error(`btcd refuses a block of ${file}: ${refusal}`)
  const heights = Array.from({ length: height - common }, (_, i) => [common + 1 + i])
  const hashes = await callBtcdAll<string>(rpc, 'getblockhash', heights)
  const mined = await callBtcdAll<string>(
    rpc,
    'getblock',
    hashes.map((hash) => [hash, 0]),
  )
  if (mined.length > 0) append(file, kept, mined)
  return Math.max(kept.length, height)
}

/** After the last whole line, and on the disk before it returns. */
function append(file: string, kept: readonly string[], blocks: readonly string[]): void {
  const whole = kept.reduce((sum, block) => sum + block.length + 1, 0)
  const descriptor = openSync(file, existsSync(file) ? 'r+' : 'w', 0o600)
  try {
    ftruncateSync(descriptor, whole)
    const bytes = Buffer.from(blocks.map((block) => `${block}\n`).join(''), 'latin1')
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, whole + at)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
