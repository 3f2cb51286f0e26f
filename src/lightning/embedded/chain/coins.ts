import type { DatabaseSync } from 'node:sqlite'
import type { Coin } from './rules.ts'
import type { ChainTransaction } from './transaction.ts'

interface CoinRow {
  amount: bigint
  script: Uint8Array
  height: bigint | null
  coinbase: bigint
  spender: string | null
}

/** The coins of the chain and its mempool. Every method is one statement or runs inside its caller's transaction. */
export class Coins {
  readonly #find
  readonly #add
  readonly #claim
  readonly #confirm
  readonly #removeSpent

  constructor(db: DatabaseSync) {
    this.#find = db.prepare('SELECT amount, script, height, coinbase, spender FROM coin WHERE txid = ? AND vout = ?')
    this.#find.setReadBigInts(true)
    this.#add = db.prepare('INSERT INTO coin (txid, vout, amount, script, height, coinbase) VALUES (?, ?, ?, ?, ?, ?)')
    this.#claim = db.prepare('UPDATE coin SET spender = ? WHERE txid = ? AND vout = ?')
    this.#confirm = db.prepare('UPDATE coin SET height = ? WHERE txid = ?')
    this.#removeSpent = db.prepare('DELETE FROM coin WHERE spender = ?')
  }

  find(txid: string, vout: number): Coin | undefined {
    const row = this.#find.get(txid, vout) as CoinRow | undefined
    return (
      row && {
        amount: row.amount,
        script: row.script,
        height: row.height === null ? undefined : Number(row.height),
        coinbase: row.coinbase !== 0n,
        spender: row.spender ?? undefined,
      }
    )
  }

  /** Takes a checked transaction's inputs out of reach of others and makes its outputs known, still unconfirmed. */
  enter(transaction: ChainTransaction): void {
    for (const { txid, vout } of transaction.inputs) this.#claim.run(transaction.txid, txid, vout)
    this.#addOutputs(transaction, null, false)
  }

  /** Puts an entered transaction on the chain. */
  confirm(txid: string, height: number): void {
    this.#removeSpent.run(txid)
    this.#confirm.run(height, txid)
  }

  addCoinbase(transaction: ChainTransaction, height: number): void {
    this.#addOutputs(transaction, height, true)
  }

  #addOutputs({ txid, outputs }: ChainTransaction, height: number | null, coinbase: boolean): void {
    for (const [vout, { amount, script }] of outputs.entries()) {
      this.#add.run(txid, vout, amount, script, height, coinbase ? 1 : 0)
    }
  }
}
