import { RawTx } from '@scure/btc-signer'
import { hash256, reversed, toHex } from './bytes.ts'

export interface TransactionInput {
  /** Transaction that made the coin, as shown: 64 hex digits, big-endian. */
  readonly txid: string
  readonly vout: number
  readonly sequence: number
  readonly witness: readonly Uint8Array[]
}

export interface TransactionOutput {
  /** Satoshi. */
  readonly amount: bigint
  readonly script: Uint8Array
}

export interface ChainTransaction {
  readonly raw: Uint8Array
  readonly txid: string
  /** Little-endian, as Merkle trees take them. */
  readonly id: Uint8Array
  readonly witnessId: Uint8Array
  readonly version: number
  readonly lockTime: number
  readonly inputs: readonly TransactionInput[]
  readonly outputs: readonly TransactionOutput[]
}

interface Decoded {
  version: number
  segwitFlag: boolean | undefined
  inputs: { txid: Uint8Array; index: number; finalScriptSig: Uint8Array; sequence: number }[]
  outputs: { amount: bigint; script: Uint8Array }[]
  witnesses: Uint8Array[][] | undefined
  lockTime: number
}

const MAX_MONEY_SAT = 2_100_000_000_000_000n

/** Reads one transaction and nothing after it. @throws Error when the bytes are not exactly one transaction */
export function parseTransaction(raw: Uint8Array): ChainTransaction {
  const transaction = fromDecoded(RawTx.decode(raw) as Decoded)
  if (transaction.raw.length !== raw.length) throw new Error('bytes after the transaction')
  return transaction
}

/** Reads the transaction that `bytes` start with; its `raw.length` says where the next one starts. */
export function parseLeadingTransaction(bytes: Uint8Array): ChainTransaction {
  return fromDecoded(RawTx.decode(bytes, { allowUnreadBytes: true }) as Decoded)
}

function fromDecoded(decoded: Decoded): ChainTransaction {
  if (decoded.inputs.length === 0) throw new Error('no inputs')
  if (decoded.outputs.some(({ amount }) => amount > MAX_MONEY_SAT)) throw new Error('output above 21 million BTC')
  const raw = RawTx.encode(decoded)
  const id = hash256(RawTx.encode({ ...decoded, segwitFlag: false, witnesses: undefined }))
  return {
    raw,
    id,
    txid: toHex(reversed(id)),
    witnessId: hash256(raw),
    version: decoded.version,
    lockTime: decoded.lockTime,
    inputs: decoded.inputs.map((input, i) => ({
      txid: toHex(input.txid),
      vout: input.index,
      sequence: input.sequence,
      witness: decoded.witnesses?.[i] ?? [],
    })),
    outputs: decoded.outputs,
  }
}
