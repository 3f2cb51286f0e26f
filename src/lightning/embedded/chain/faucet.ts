import type { DatabaseSync } from 'node:sqlite'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { p2wpkh, TEST_NETWORK, Transaction } from '@scure/btc-signer'
import { sha256 } from './bytes.ts'
import { COINBASE_MATURITY } from './rules.ts'

/** Everyone on this machine mines with the same public key of no value: the money of a private chain is free. */
const MINER_KEY = sha256(Buffer.from('streampay private chain miner'))
const MINER = p2wpkh(secp256k1.getPublicKey(MINER_KEY, true), TEST_NETWORK)
export const MINER_SCRIPT: Uint8Array = MINER.script

const FEE_SAT = 1000n
/** How long a coin is kept for a funding transaction that its channel's peer has yet to sign for. */
const RESERVED_MS = 60_000

interface CoinRow {
  txid: string
  vout: number
  amount: bigint
}

/** Pays out the miner's coins. */
export class Faucet {
  readonly #pick
  readonly #reserve

  constructor(db: DatabaseSync) {
    this.#pick = db.prepare(`
      SELECT txid, vout, amount FROM coin
      WHERE script = :script AND amount >= :amount AND spender IS NULL AND reserved_until_ms < :now
        AND height IS NOT NULL AND (coinbase = 0 OR height <= :mature)
      ORDER BY amount LIMIT 1`)
    this.#pick.setReadBigInts(true)
    this.#reserve = db.prepare('UPDATE coin SET reserved_until_ms = ? WHERE txid = ? AND vout = ?')
  }

  /**
   * A signed transaction that pays `amountSat` to `script`, not yet submitted; its coin is reserved for a minute.
   * `undefined` when no coin is large enough. Runs inside its caller's transaction.
   */
  fund(script: Uint8Array, amountSat: bigint, height: number, nowMs: number): Uint8Array | undefined {
    const coin = this.#pick.get({
      script: MINER_SCRIPT,
      amount: amountSat + FEE_SAT,
      now: nowMs,
      mature: height + 1 - COINBASE_MATURITY,
    }) as CoinRow | undefined
    if (!coin) return
    this.#reserve.run(nowMs + RESERVED_MS, coin.txid, coin.vout)
    const transaction = new Transaction({ allowUnknownOutputs: true })
    transaction.addInput({
      txid: coin.txid,
      index: Number(coin.vout),
      witnessUtxo: { script: MINER_SCRIPT, amount: coin.amount },
    })
    transaction.addOutput({ script, amount: amountSat })
    const change = coin.amount - amountSat - FEE_SAT
    if (change > FEE_SAT) transaction.addOutput({ script: MINER_SCRIPT, amount: change })
    transaction.sign(MINER_KEY)
    transaction.finalize()
    return transaction.extract()
  }
}
