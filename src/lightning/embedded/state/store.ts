import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Msat } from '../../../money/msat.ts'
import type { Settlement } from '../../node.ts'
import { openingFailed } from '../failure.ts'
import { type Durability, immediately, openDatabase } from '../sqlite.ts'
import { Invoices } from './invoices.ts'
import { type PaymentRecord, Payments } from './payments.ts'
import { NODE_SCHEMA } from './schema.ts'

/** A channel monitor as a whole, or the next step from the one before. */
export interface MonitorWrite {
  readonly channel: string
  readonly kind: 'whole' | 'update'
  readonly bytes: Uint8Array
}

/** A payment that was claimed. */
export interface Arrival {
  readonly paymentHash: string
  readonly amount: Msat
  /** It came without an invoice. */
  readonly isKeysend: boolean
}

/** All that changed in one turn of the node. It is written as a whole or not at all. */
export interface Batch {
  readonly manager: Uint8Array
  readonly monitors: readonly MonitorWrite[]
  /** Transactions to publish once this is on disk. */
  readonly broadcasts: readonly Uint8Array[]
  readonly settled: readonly Arrival[]
  readonly payments: readonly PaymentRecord[]
}

export interface StoredMonitor {
  readonly whole: Uint8Array
  readonly updates: readonly Uint8Array[]
}

/**
 * A killed process loses nothing either way; `FULL` also outlives a power cut, after which LDK would be punished for a
 * channel state it forgot. It costs a payment that is alone up to a third, for 4 commits by the payer and 3 by the payee,
 * and little where it matters, since a turn is one commit however many payments it moves (20 in flight: about 0.3 a
 * payment). Payments a second, `FULL` against `NORMAL`, mean of four runs between two processes on two shared cores and
 * ext4: 39 : 53 in sequence, 203 : 217 with 20 in flight, 290 : 315 with 50.
 */
const DURABILITY: Durability = 'FULL'
const SETTLEMENT_PAGE = 500

interface SettlementRow {
  position: bigint
  payment_hash: string
  amount_msat: bigint
}

export class StateStore {
  readonly payments: Payments
  readonly invoices: Invoices
  readonly #db: DatabaseSync
  readonly #writeManager
  readonly #writeMonitor
  readonly #writeUpdate
  readonly #dropUpdates
  readonly #addBroadcast
  readonly #addSettlement
  readonly #settledAmount
  readonly #settlementsAfter

  /** @throws StreamError `node-corrupt`, `disk-full`, `node-unreachable` */
  static open(path: string): StateStore {
    try {
      return new StateStore(openDatabase(path, NODE_SCHEMA, DURABILITY))
    } catch (error) {
      throw openingFailed(error, path)
    }
  }

  private constructor(db: DatabaseSync) {
    this.#db = db
    this.payments = new Payments(db)
    this.invoices = new Invoices(db)
    this.#writeManager = db.prepare('INSERT OR REPLACE INTO manager (id, bytes) VALUES (0, ?)')
    this.#writeMonitor = db.prepare('INSERT OR REPLACE INTO monitor (channel, bytes) VALUES (?, ?)')
    this.#writeUpdate = db.prepare('INSERT INTO monitor_update (channel, bytes) VALUES (?, ?)')
    this.#dropUpdates = db.prepare('DELETE FROM monitor_update WHERE channel = ?')
    this.#addBroadcast = db.prepare('INSERT INTO broadcast (raw) VALUES (?)')
    this.#addSettlement = db.prepare(
      'INSERT INTO settlement (payment_hash, amount_msat) VALUES (?, ?) RETURNING position',
    )
    this.#addSettlement.setReadBigInts(true)
    this.#settledAmount = db.prepare('SELECT amount_msat FROM settlement WHERE payment_hash = ?')
    this.#settledAmount.setReadBigInts(true)
    this.#settlementsAfter = db.prepare('SELECT * FROM settlement WHERE position > ? ORDER BY position LIMIT ?')
    this.#settlementsAfter.setReadBigInts(true)
  }

  /** Writes a turn. Returns its settlements with the indexes they got. */
  commit(batch: Batch): Settlement[] {
    return immediately(this.#db, () => {
      this.#writeManager.run(batch.manager)
      for (const { channel, kind, bytes } of batch.monitors) {
        if (kind === 'update') {
          this.#writeUpdate.run(channel, bytes)
        } else {
          this.#writeMonitor.run(channel, bytes)
          this.#dropUpdates.run(channel)
        }
      }
      for (const raw of batch.broadcasts) this.#addBroadcast.run(raw)
      for (const record of batch.payments) this.payments.write(record)
      // LDK may tell of a claim again after a restart; only the first telling makes a settlement.
      return batch.settled
        .filter(({ paymentHash }) => !this.isSettled(paymentHash))
        .map(({ paymentHash, amount, isKeysend }) => {
          const nowMs = Date.now()
          if (isKeysend) {
            this.invoices.write({ request: '', paymentHash, description: '', createdAtMs: nowMs, expiresAtMs: nowMs })
          }
          this.invoices.settled(paymentHash, nowMs)
          const { position } = this.#addSettlement.get(paymentHash, amount) as { position: bigint }
          return { index: position, paymentHash, amount }
        })
    })
  }

  manager(): Uint8Array | undefined {
    return this.#db.prepare('SELECT bytes FROM manager').get()?.bytes as Uint8Array | undefined
  }

  monitors(): StoredMonitor[] {
    const updates = this.#db.prepare('SELECT bytes FROM monitor_update WHERE channel = ? ORDER BY position')
    return this.#db
      .prepare('SELECT channel, bytes FROM monitor')
      .all()
      .map(({ channel, bytes }) => ({
        whole: bytes as Uint8Array,
        updates: updates.all(channel as string).map((row) => row.bytes as Uint8Array),
      }))
  }

  /** Transactions that were committed to be published; they are dropped by `published`. */
  broadcasts(): Uint8Array[] {
    return this.#db
      .prepare('SELECT raw FROM broadcast ORDER BY position')
      .all()
      .map(({ raw }) => raw as Uint8Array)
  }

  published(): void {
    this.#db.exec('DELETE FROM broadcast')
  }

  isSettled(paymentHash: string): boolean {
    return this.settledAmount(paymentHash) !== undefined
  }

  /** What arrived for an invoice; `undefined` if nothing did. */
  settledAmount(paymentHash: string): Msat | undefined {
    return this.#settledAmount.get(paymentHash)?.amount_msat as Msat | undefined
  }

  /** The oldest settlements above `since`, a page at a time. */
  settlementsAfter(since: bigint): Settlement[] {
    const rows = this.#settlementsAfter.all(since, SETTLEMENT_PAGE) as unknown as SettlementRow[]
    return rows.map(({ position, payment_hash, amount_msat }) => ({
      index: position,
      paymentHash: payment_hash,
      amount: amount_msat as Msat,
    }))
  }

  /** 32 random bytes that are made once and kept: the root of the node's keys. */
  seed(): Uint8Array {
    this.#db.prepare('INSERT OR IGNORE INTO secret (name, bytes) VALUES (?, ?)').run('seed', randomBytes(32))
    return this.#db.prepare('SELECT bytes FROM secret WHERE name = ?').get('seed')!.bytes as Uint8Array
  }

  close(): void {
    this.#db.close()
  }
}
