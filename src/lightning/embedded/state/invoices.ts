import type { DatabaseSync } from 'node:sqlite'
import { rollBack } from '../../../errors/storage.ts'
import { type Msat, ZERO } from '../../../money/msat.ts'
import type { InvoiceRecord } from '../../node.ts'

/** An invoice as it was made, or a keysend as it came. */
export interface MadeInvoice {
  /** Empty for a keysend. */
  readonly request: string
  readonly paymentHash: string
  readonly amount?: Msat
  readonly description: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

interface InvoiceRow {
  payment_hash: string
  request: string
  amount_msat: bigint | null
  description: string
  created_ms: bigint
  expires_ms: bigint
  settled_ms: bigint | null
  received_msat: bigint | null
}

/**
 * Invoices that were never paid are forgotten this long after they expired, and the oldest of them when there are more: buyers can
 * have them made for nothing. One that is paid after all is a settlement like any other.
 */
const KEEP_UNPAID_MS = 24 * 3_600_000
const MAX_UNPAID = 20_000
/** Looked after each time so many were made. */
const FORGET_EVERY = 500

const SELECT = `
  SELECT i.*, s.amount_msat AS received_msat
  FROM invoice i LEFT JOIN settlement s ON s.payment_hash = i.payment_hash`

/** The invoices that this node made, and the keysends it took. What was paid is known without them: by `settlement`. */
export class Invoices {
  readonly #db: DatabaseSync
  readonly #durability
  readonly #add
  readonly #settle
  readonly #find
  readonly #newest
  readonly #forget
  #sinceForgetting = 0

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#durability = Number(db.prepare('PRAGMA synchronous').get()!.synchronous)
    this.#add = db.prepare(`
      INSERT INTO invoice (payment_hash, request, amount_msat, description, created_ms, expires_ms)
      VALUES (:paymentHash, :request, :amount, :description, :createdAtMs, :expiresAtMs)
      ON CONFLICT (payment_hash) DO NOTHING`)
    this.#settle = db.prepare('UPDATE invoice SET settled_ms = ? WHERE payment_hash = ?')
    this.#find = db.prepare(`${SELECT} WHERE i.payment_hash = ?`)
    this.#newest = db.prepare(`${SELECT} ORDER BY i.position DESC LIMIT ?`)
    for (const statement of [this.#find, this.#newest]) statement.setReadBigInts(true)
    this.#forget = db.prepare(`
      DELETE FROM invoice WHERE settled_ms IS NULL AND (expires_ms < ? OR position <= (
        SELECT position FROM invoice WHERE settled_ms IS NULL ORDER BY position DESC LIMIT 1 OFFSET ${MAX_UNPAID}))`)
    this.#forget.run(Date.now() - KEEP_UNPAID_MS)
  }

  /**
   * Writes invoices down before anyone is told of them. Not pressed to the disk: a power cut may take one from the list, and
   * takes no payment.
   */
  add(invoices: readonly MadeInvoice[]): void {
    this.#db.exec('PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE')
    try {
      for (const invoice of invoices) this.write(invoice)
      this.#sinceForgetting += invoices.length
      if (this.#sinceForgetting >= FORGET_EVERY) {
        this.#forget.run(Date.now() - KEEP_UNPAID_MS)
        this.#sinceForgetting = 0
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      rollBack(this.#db)
      throw error
    } finally {
      this.#db.exec(`PRAGMA synchronous = ${this.#durability}`)
    }
  }

  /** Within a transaction. */
  write({ amount, ...invoice }: MadeInvoice): void {
    this.#add.run({ ...invoice, amount: amount ?? null })
  }

  /** Within the transaction that writes the settlement. */
  settled(paymentHash: string, atMs: number): void {
    this.#settle.run(atMs, paymentHash)
  }

  find(paymentHash: string): InvoiceRecord | undefined {
    const row = this.#find.get(paymentHash) as InvoiceRow | undefined
    return row && recordOf(row, Date.now())
  }

  newest(limit: number): InvoiceRecord[] {
    const now = Date.now()
    return (this.#newest.all(limit) as unknown as InvoiceRow[]).map((row) => recordOf(row, now))
  }
}

function recordOf(row: InvoiceRow, nowMs: number): InvoiceRecord {
  const expiresAtMs = Number(row.expires_ms)
  const isSettled = row.received_msat !== null
  return {
    request: row.request,
    paymentHash: row.payment_hash,
    ...(row.amount_msat !== null && { amount: row.amount_msat as Msat }),
    received: (row.received_msat as Msat | null) ?? ZERO,
    status: isSettled ? 'settled' : expiresAtMs <= nowMs ? 'expired' : 'open',
    description: row.description,
    createdAtMs: Number(row.created_ms),
    expiresAtMs,
    ...(isSettled && row.settled_ms !== null && { settledAtMs: Number(row.settled_ms) }),
  }
}
