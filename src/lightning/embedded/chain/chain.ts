import type { DatabaseSync } from 'node:sqlite'
import { openingFailed } from '../failure.ts'
import { immediately, openDatabase } from '../sqlite.ts'
import {
  type Block,
  bodyFault,
  GENESIS_HEADER,
  hasProofOfWork,
  headerPrevious,
  headerTimeS,
  mineBlock,
  type ParsedBlock,
  parseBlock,
} from './block.ts'
import { hash256 } from './bytes.ts'
import { Coins } from './coins.ts'
import { Faucet, MINER_SCRIPT } from './faucet.ts'
import { type Refusal, refusalOf } from './rules.ts'
import { CHAIN_SCHEMA } from './schema.ts'
import { type ChainTransaction, parseTransaction } from './transaction.ts'

export type Submission = { readonly txid: string } | { readonly refused: Refusal }
export type Acceptance = { readonly height: number } | { readonly refused: string }

/** Enough that ten rewards of 50 BTC are old enough to be spent. */
const FIRST_BLOCKS = 110
const FIRST_SPACING_S = 600
const MEDIAN_SPAN = 11

/**
 * A private regtest chain in one SQLite file, shared by the processes of a machine without a server: whoever holds the
 * write lock is the miner. There are no reorganisations, for there is only one tip to build on.
 */
export class Chain {
  readonly db: DatabaseSync
  readonly #coins
  readonly #faucet
  readonly #tip
  readonly #after
  readonly #at
  readonly #recent
  readonly #addBlock
  readonly #addConfirmed
  readonly #isConfirmed
  readonly #isWaiting
  readonly #addWaiting
  readonly #removeWaiting
  readonly #waiting
  readonly #dataVersion
  #seenVersion: unknown
  #seenTip: { readonly height: number; readonly at: number } | undefined

  /** Opens the chain in `path`, mining its first blocks if it is new. @throws StreamError `node-corrupt`, `disk-full`, `node-unreachable` */
  static open(path: string): Chain {
    try {
      return new Chain(openDatabase(path, CHAIN_SCHEMA, 'FULL'))
    } catch (error) {
      throw openingFailed(error, path)
    }
  }

  private constructor(db: DatabaseSync) {
    this.db = db
    this.#coins = new Coins(db)
    this.#faucet = new Faucet(db)
    this.#tip = db.prepare('SELECT height, hash, raw FROM block ORDER BY height DESC LIMIT 1')
    this.#after = db.prepare('SELECT height, hash, raw FROM block WHERE height > ? ORDER BY height LIMIT ?')
    this.#at = db.prepare('SELECT height, hash, raw FROM block WHERE height = ?')
    this.#recent = db.prepare('SELECT substr(raw, 1, 80) AS header FROM block ORDER BY height DESC LIMIT ?')
    this.#addBlock = db.prepare('INSERT INTO block (height, hash, raw) VALUES (?, ?, ?)')
    this.#addConfirmed = db.prepare('INSERT INTO confirmed (txid, height) VALUES (?, ?)')
    this.#isConfirmed = db.prepare('SELECT 1 FROM confirmed WHERE txid = ?')
    this.#isWaiting = db.prepare('SELECT 1 FROM mempool WHERE txid = ?')
    this.#addWaiting = db.prepare('INSERT INTO mempool (txid, raw) VALUES (?, ?)')
    this.#removeWaiting = db.prepare('DELETE FROM mempool WHERE txid = ?')
    this.#waiting = db.prepare('SELECT raw FROM mempool ORDER BY position')
    this.#dataVersion = db.prepare('PRAGMA data_version')
    immediately(db, () => this.#begin())
    this.hasChanged()
  }

  #begin(): void {
    if (this.#tip.get()) return
    this.#addBlock.run(0, hash256(GENESIS_HEADER), GENESIS_HEADER)
    // LDK takes its clock from block times: the last of these is now, so that no later block has to lie in the future.
    const nowS = Math.floor(Date.now() / 1000)
    for (let left = FIRST_BLOCKS - 1; left >= 0; left--) this.#mineOne(nowS - left * FIRST_SPACING_S)
  }

  get tip(): Block {
    return this.#tip.get() as unknown as Block
  }

  /** Unix time of the tip in milliseconds. */
  get tipTimeMs(): number {
    return headerTimeS(this.tip.raw) * 1000
  }

  blockAt(height: number): Block | undefined {
    return this.#at.get(height) as unknown as Block | undefined
  }

  /** The blocks above `height`, oldest first, at most `limit`. */
  blocksAfter(height: number, limit = 100): Block[] {
    return this.#after.all(height, limit) as unknown as Block[]
  }

  /** Whether another connection wrote since the last call. Costs microseconds: it is what a poll asks. */
  hasChanged(): boolean {
    const { data_version: version } = this.#dataVersion.get() as { data_version: number }
    const changed = version !== this.#seenVersion
    this.#seenVersion = version
    return changed
  }

  /** Puts a transaction into the mempool. One that is already there, or on the chain, is accepted again. */
  submit(raw: Uint8Array): Submission {
    return immediately(this.db, () => this.#submit(raw))
  }

  /** Submits a transaction and mines it into a block at once. */
  publish(raw: Uint8Array): Submission {
    return immediately(this.db, () => {
      const submission = this.#submit(raw)
      if ('txid' in submission && this.#waiting.get()) this.#mineOne()
      return submission
    })
  }

  mine(count = 1): void {
    immediately(this.db, () => {
      for (let i = 0; i < count; i++) this.#mineOne()
    })
  }

  /**
   * Mines a block if the tip is `ageMs` old: LDK has no clock but the chain's. A tip that lies in the future was mined before the
   * machine's clock was set back; the chain then goes by the time since this process first saw it, and does not stand still.
   */
  heartbeat(ageMs: number): void {
    if (!this.#isDue(ageMs)) return
    immediately(this.db, () => {
      // Another process may have done it while this one waited for the lock.
      if (this.#isDue(ageMs)) this.#mineOne()
    })
  }

  #isDue(ageMs: number): boolean {
    const { tip } = this
    const now = performance.now()
    if (tip.height !== this.#seenTip?.height) this.#seenTip = { height: tip.height, at: now }
    const aheadMs = headerTimeS(tip.raw) * 1000 - Date.now()
    return aheadMs <= -ageMs || (aheadMs > ageMs && now - this.#seenTip.at >= ageMs)
  }

  /** Adds a block that someone else made, if it is valid. */
  accept(raw: Uint8Array): Acceptance {
    try {
      return { height: immediately(this.db, () => this.#accept(raw)) }
    } catch (error) {
      if (error instanceof BlockRefused) return { refused: error.message }
      throw error
    }
  }

  /**
   * A signed transaction, not yet submitted, that pays `amountSat` of the miner's coins to `script`. `undefined` when no
   * free coin is that large.
   */
  fund(script: Uint8Array, amountSat: bigint): Uint8Array | undefined {
    return immediately(this.db, () => this.#faucet.fund(script, amountSat, this.tip.height, Date.now()))
  }

  close(): void {
    this.db.close()
  }

  #submit(raw: Uint8Array): Submission {
    let transaction: ChainTransaction
    try {
      transaction = parseTransaction(raw)
    } catch {
      return { refused: 'malformed' }
    }
    const { txid } = transaction
    if (this.#isConfirmed.get(txid) || this.#isWaiting.get(txid)) return { txid }
    const refused = this.#refusalOf(transaction)
    if (refused) return { refused }
    this.#coins.enter(transaction)
    this.#addWaiting.run(txid, transaction.raw)
    return { txid }
  }

  #refusalOf(transaction: ChainTransaction): Refusal | undefined {
    return refusalOf(transaction, {
      height: this.tip.height + 1,
      medianTimeS: this.#medianTimeS(),
      coin: (txid, vout) => this.#coins.find(txid, vout),
    })
  }

  #mineOne(timeS = Math.floor(Date.now() / 1000)): void {
    const waiting = this.#waiting.all().map(({ raw }) => parseTransaction(raw as Uint8Array))
    this.#accept(mineBlock(this.tip, Math.max(timeS, this.#medianTimeS() + 1), MINER_SCRIPT, waiting))
  }

  /** The one door for blocks, our own included. Throws to have the transaction around it undone. */
  #accept(raw: Uint8Array): number {
    const { height: tipHeight, hash: tipHash } = this.tip
    const height = tipHeight + 1
    const { header, transactions } = readBlock(raw)
    if (!hasProofOfWork(header)) throw new BlockRefused('proof of work')
    if (!Buffer.from(tipHash).equals(headerPrevious(header))) throw new BlockRefused('previous block')
    if (headerTimeS(header) <= this.#medianTimeS()) throw new BlockRefused('time')
    const fault = bodyFault({ header, transactions }, height)
    if (fault) throw new BlockRefused(fault)
    const [coinbase, ...others] = transactions
    for (const transaction of others) this.#confirm(transaction, height)
    this.#coins.addCoinbase(coinbase!, height)
    this.#addConfirmed.run(coinbase!.txid, height)
    this.#addBlock.run(height, hash256(header), raw)
    return height
  }

  #confirm(transaction: ChainTransaction, height: number): void {
    const { txid } = transaction
    const refused = this.#isConfirmed.get(txid) ? 'coin-spent' : this.#refusalOf(transaction)
    if (refused) throw new BlockRefused(refused)
    if (!this.#isWaiting.get(txid)) this.#coins.enter(transaction)
    this.#coins.confirm(txid, height)
    this.#removeWaiting.run(txid)
    this.#addConfirmed.run(txid, height)
  }

  #medianTimeS(): number {
    const times = this.#recent.all(MEDIAN_SPAN).map(({ header }) => headerTimeS(header as Uint8Array))
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
  }
}

class BlockRefused extends Error {}

function readBlock(raw: Uint8Array): ParsedBlock {
  try {
    return parseBlock(raw)
  } catch {
    throw new BlockRefused('malformed')
  }
}
