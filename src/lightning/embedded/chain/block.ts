import { RawTx } from '@scure/btc-signer'
import { compactSize, fromHex, hash256, toHex, uint32 } from './bytes.ts'
import { type ChainTransaction, parseLeadingTransaction } from './transaction.ts'

export interface Block {
  readonly height: number
  /** Little-endian, as headers refer to it. */
  readonly hash: Uint8Array
  readonly raw: Uint8Array
}

export interface ParsedBlock {
  readonly header: Uint8Array
  readonly transactions: readonly ChainTransaction[]
}

/** Bitcoin's own regtest genesis, so that LDK's idea of the network is met. */
export const GENESIS_HEADER = fromHex(
  '0100000000000000000000000000000000000000000000000000000000000000' +
    '000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa' +
    '4b1e5e4adae5494dffff7f2002000000',
)
const HEADER_LENGTH = 80
const EASIEST_TARGET = 0x207fffff
const HALVING_INTERVAL = 150
const COMMITMENT_PREFIX = fromHex('6a24aa21a9ed')
const NO_HASH = Buffer.alloc(32)

export const headerTimeS = (header: Uint8Array): number => Buffer.from(header).readUInt32LE(68)
export const headerPrevious = (header: Uint8Array): Uint8Array => header.subarray(4, 36)

/** New money of a block, in satoshi, by regtest's schedule. */
const subsidy = (height: number): bigint => 5_000_000_000n >> BigInt(Math.floor(height / HALVING_INTERVAL))

/** Whether the header names regtest's difficulty and meets it. */
export function hasProofOfWork(header: Uint8Array): boolean {
  return Buffer.from(header).readUInt32LE(72) === EASIEST_TARGET && hash256(header)[31]! < 0x80
}

/** Splits a block. @throws Error when the bytes are not exactly one block */
export function parseBlock(raw: Uint8Array): ParsedBlock {
  let offset = HEADER_LENGTH
  let count = raw[offset++] ?? 0
  if (count === 0xfd) {
    count = Buffer.from(raw).readUInt16LE(offset)
    offset += 2
  }
  const transactions: ChainTransaction[] = []
  for (let i = 0; i < count; i++) {
    const transaction = parseLeadingTransaction(raw.subarray(offset))
    transactions.push(transaction)
    offset += transaction.raw.length
  }
  if (offset !== raw.length) throw new Error('bytes after the block')
  return { header: raw.subarray(0, HEADER_LENGTH), transactions }
}

/** What is wrong with the body of a block, or `undefined`. Says nothing about the coins it spends. */
export function bodyFault({ header, transactions }: ParsedBlock, height: number): string | undefined {
  const [coinbase, ...rest] = transactions
  if (!coinbase) return 'no coinbase'
  if (coinbase.inputs.length !== 1 || coinbase.inputs[0]!.vout !== 0xffffffff) return 'the first is not a coinbase'
  if (coinbase.outputs.reduce((sum, { amount }) => sum + amount, 0n) > subsidy(height)) return 'subsidy'
  if (!merkleRoot(transactions.map(({ id }) => id)).equals(header.subarray(36, 68))) return 'merkle root'
  const commitment = commitmentScript(rest, coinbase.inputs[0]!.witness[0] ?? NO_HASH)
  return coinbase.outputs.some(({ script }) => commitment.equals(script)) ? undefined : 'witness commitment'
}

/** Makes a block out of `transactions`, whose fees go unclaimed: what they pay leaves the money supply. */
export function mineBlock(
  previous: { readonly height: number; readonly hash: Uint8Array },
  timeS: number,
  minerScript: Uint8Array,
  transactions: readonly ChainTransaction[],
): Buffer {
  const coinbase = coinbaseFor(previous.height + 1, minerScript, transactions)
  const all = [coinbase, ...transactions]
  const header = Buffer.concat([
    uint32(0x20000000),
    previous.hash,
    merkleRoot(all.map(({ id }) => id)),
    uint32(timeS),
    uint32(EASIEST_TARGET),
    uint32(0),
  ])
  for (let nonce = 1; !hasProofOfWork(header); nonce++) header.writeUInt32LE(nonce, 76)
  return Buffer.concat([header, compactSize(all.length), ...all.map(({ raw }) => raw)])
}

function coinbaseFor(height: number, script: Uint8Array, transactions: readonly ChainTransaction[]): ChainTransaction {
  const raw = RawTx.encode({
    version: 2,
    segwitFlag: true,
    inputs: [{ txid: NO_HASH, index: 0xffffffff, finalScriptSig: heightScript(height), sequence: 0xffffffff }],
    outputs: [
      { amount: subsidy(height), script },
      { amount: 0n, script: commitmentScript(transactions, NO_HASH) },
    ],
    witnesses: [[NO_HASH]],
    lockTime: 0,
  })
  return parseLeadingTransaction(raw)
}

/** BIP 34: the height makes every coinbase, and so its txid, different. */
function heightScript(height: number): Buffer {
  const digits = toHex(uint32(height)).replace(/(00)+$/, '')
  const number = fromHex(Number.parseInt(digits.slice(-2), 16) >= 0x80 ? `${digits}00` : digits)
  return Buffer.concat([Buffer.from([number.length]), number, Buffer.from([0])])
}

/** BIP 141: commits to the witnesses, which txids leave out. `reserved` is the coinbase's own. */
function commitmentScript(transactions: readonly ChainTransaction[], reserved: Uint8Array): Buffer {
  const root = merkleRoot([NO_HASH, ...transactions.map(({ witnessId }) => witnessId)])
  return Buffer.concat([COMMITMENT_PREFIX, hash256(Buffer.concat([root, reserved]))])
}

function merkleRoot(hashes: readonly Uint8Array[]): Buffer {
  if (hashes.length === 1) return Buffer.from(hashes[0]!)
  const parents: Buffer[] = []
  for (let i = 0; i < hashes.length; i += 2) {
    parents.push(hash256(Buffer.concat([hashes[i]!, hashes[i + 1] ?? hashes[i]!])))
  }
  return merkleRoot(parents)
}
