import type { DatabaseSync } from 'node:sqlite'
import type { Msat } from '../../../money/msat.ts'
import type { PaymentFailure, PaymentOutcome } from '../../node.ts'

export interface PaymentRecord {
  readonly paymentHash: string
  /** Never `unknown`: that is what a caller is told who did not wait, not how a payment stands. */
  readonly outcome: Exclude<PaymentOutcome, { readonly status: 'unknown' }>
}

interface PaymentRow {
  status: 'pending' | 'settled' | 'failed'
  preimage: string | null
  fee_msat: bigint | null
  reason: PaymentFailure | null
  detail: string | null
}

/** The payments this node was asked to send, by payment hash. */
export class Payments {
  readonly #write
  readonly #find
  readonly #pending

  constructor(db: DatabaseSync) {
    // A settled payment stays settled, whatever is written later.
    this.#write = db.prepare(`
      INSERT INTO payment (payment_hash, status, preimage, fee_msat, reason, detail)
      VALUES (:hash, :status, :preimage, :fee, :reason, :detail)
      ON CONFLICT (payment_hash) DO UPDATE SET
        status = :status, preimage = :preimage, fee_msat = :fee, reason = :reason, detail = :detail
      WHERE status <> 'settled'`)
    this.#find = db.prepare('SELECT status, preimage, fee_msat, reason, detail FROM payment WHERE payment_hash = ?')
    this.#find.setReadBigInts(true)
    this.#pending = db.prepare("SELECT payment_hash FROM payment WHERE status = 'pending'")
  }

  write({ paymentHash, outcome }: PaymentRecord): void {
    this.#write.run({
      hash: paymentHash,
      status: outcome.status,
      preimage: outcome.status === 'settled' ? outcome.preimage : null,
      fee: outcome.status === 'settled' ? outcome.fee : null,
      reason: outcome.status === 'failed' ? outcome.reason : null,
      detail: outcome.status === 'failed' ? outcome.detail : null,
    })
  }

  find(paymentHash: string): PaymentRecord['outcome'] | undefined {
    const row = this.#find.get(paymentHash) as PaymentRow | undefined
    if (!row) return
    if (row.status === 'settled') return { status: 'settled', preimage: row.preimage!, fee: row.fee_msat as Msat }
    if (row.status === 'failed') return { status: 'failed', reason: row.reason!, detail: row.detail! }
    return { status: 'pending' }
  }

  /** Hashes of the payments without a final outcome. */
  pending(): string[] {
    return this.#pending.all().map(({ payment_hash: hash }) => hash as string)
  }
}
