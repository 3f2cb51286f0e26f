import { secp256k1 } from '@noble/curves/secp256k1.js'
import { Transaction } from '@scure/btc-signer'
import { hash160 } from '@scure/btc-signer/utils.js'
import { sha256 } from './bytes.ts'
import type { ChainTransaction, TransactionInput } from './transaction.ts'

/** Why the chain does not take a transaction. */
export type Refusal =
  | 'malformed'
  | 'duplicate-input'
  | 'coin-unknown'
  | 'coin-spent'
  | 'coin-immature'
  | 'locktime'
  | 'relative-locktime'
  | 'overspend'
  | 'script-unsupported'
  | 'witness-invalid'
  | 'signature-invalid'

/** An unspent or just-spent output, as the rules see it. */
export interface Coin {
  readonly amount: bigint
  readonly script: Uint8Array
  /** Height of its block; `undefined` while it is only in the mempool. */
  readonly height: number | undefined
  readonly coinbase: boolean
  /** Transaction of the mempool that spends it. */
  readonly spender: string | undefined
}

export interface RuleContext {
  /** Height of the block the transaction would be in. */
  readonly height: number
  /** Median time of the last eleven blocks, in seconds. */
  readonly medianTimeS: number
  coin(txid: string, vout: number): Coin | undefined
}

export const COINBASE_MATURITY = 100
const LOCKTIME_IS_TIME = 500_000_000
const SEQUENCE_FINAL = 0xffffffff
const SEQUENCE_NO_RELATIVE_LOCK = 0x80000000
const SEQUENCE_LOCK_IS_TIME = 0x400000

/**
 * Holds a transaction against the rules of this chain: its coins exist and are unspent and mature, its locks have
 * passed, it makes no money, and its P2WPKH signatures are valid. Scripts behind a P2WSH hash are matched with the hash
 * but **not run**: the chain trusts LDK's channel scripts, which is one reason why it is only ever a private one.
 */
export function refusalOf(transaction: ChainTransaction, context: RuleContext): Refusal | undefined {
  const { inputs, outputs } = transaction
  if (new Set(inputs.map(({ txid, vout }) => `${txid}:${vout}`)).size !== inputs.length) return 'duplicate-input'
  if (isLocked(transaction, context)) return 'locktime'
  let spent = 0n
  for (const [index, input] of inputs.entries()) {
    const coin = context.coin(input.txid, input.vout)
    if (!coin) return 'coin-unknown'
    if (coin.spender !== undefined && coin.spender !== transaction.txid) return 'coin-spent'
    const refusal =
      maturityRefusal(coin, context) ??
      relativeLockRefusal(transaction.version, input, coin, context) ??
      witnessRefusal(transaction, index, coin)
    if (refusal) return refusal
    spent += coin.amount
  }
  return outputs.reduce((sum, { amount }) => sum + amount, 0n) > spent ? 'overspend' : undefined
}

function isLocked({ lockTime, inputs }: ChainTransaction, { height, medianTimeS }: RuleContext): boolean {
  if (lockTime === 0 || inputs.every(({ sequence }) => sequence === SEQUENCE_FINAL)) return false
  return lockTime >= (lockTime < LOCKTIME_IS_TIME ? height : medianTimeS)
}

function maturityRefusal(coin: Coin, { height }: RuleContext): Refusal | undefined {
  return coin.coinbase && height - (coin.height ?? height) < COINBASE_MATURITY ? 'coin-immature' : undefined
}

/** BIP 68. Locks measured in time are refused: nothing here makes them, and they would need every coin's block time. */
function relativeLockRefusal(
  version: number,
  { sequence }: TransactionInput,
  coin: Coin,
  { height }: RuleContext,
): Refusal | undefined {
  if (version < 2 || sequence >= SEQUENCE_NO_RELATIVE_LOCK) return
  if (sequence & SEQUENCE_LOCK_IS_TIME) return 'relative-locktime'
  return height < (coin.height ?? height) + (sequence & 0xffff) ? 'relative-locktime' : undefined
}

function witnessRefusal(transaction: ChainTransaction, index: number, coin: Coin): Refusal | undefined {
  const [version, length] = coin.script
  const program = coin.script.subarray(2)
  if (version !== 0 || length !== program.length) return 'script-unsupported'
  const { witness } = transaction.inputs[index]!
  if (program.length === 20) return keyHashRefusal(transaction, index, coin, program)
  if (program.length !== 32) return 'script-unsupported'
  const script = witness.at(-1)
  return script && sha256(script).equals(program) ? undefined : 'witness-invalid'
}

/** P2WPKH (BIP 141, BIP 143). */
function keyHashRefusal(
  transaction: ChainTransaction,
  index: number,
  coin: Coin,
  program: Uint8Array,
): Refusal | undefined {
  const { witness } = transaction.inputs[index]!
  const [signature, publicKey] = witness
  if (witness.length !== 2 || !signature?.length || !publicKey) return 'witness-invalid'
  if (!Buffer.from(hash160(publicKey)).equals(program)) return 'witness-invalid'
  const scriptCode = Buffer.concat([Buffer.from('76a914', 'hex'), program, Buffer.from('88ac', 'hex')])
  try {
    const digest = Transaction.fromRaw(transaction.raw, {
      allowUnknownInputs: true,
      allowUnknownOutputs: true,
      disableScriptCheck: true,
    }).preimageWitnessV0(index, scriptCode, signature.at(-1)!, coin.amount)
    const valid = secp256k1.verify(signature.subarray(0, -1), digest, publicKey, {
      format: 'der',
      lowS: true,
      prehash: false,
    })
    return valid ? undefined : 'signature-invalid'
  } catch {
    return 'signature-invalid'
  }
}
