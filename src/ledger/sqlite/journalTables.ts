import type { JournalAgreement, JournalPayment } from '../journal.ts'
import { amount, number, type Row, text, word } from './rows.ts'

/** Amounts are in msat and times in ms, as 64-bit integers. */
export const MIGRATIONS = [
  `CREATE TABLE agreements (
     id TEXT PRIMARY KEY, secret TEXT NOT NULL, url TEXT NOT NULL, method TEXT NOT NULL, challenge TEXT NOT NULL,
     agreement TEXT NOT NULL, created_at_ms INTEGER NOT NULL, state TEXT NOT NULL, statement TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX open_agreements ON agreements (created_at_ms) WHERE state = 'open';
   CREATE TABLE payments (
     payment_hash TEXT PRIMARY KEY, request TEXT NOT NULL, agreement_id TEXT NOT NULL, origin TEXT NOT NULL,
     amount INTEGER NOT NULL, max_fee INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
     status TEXT NOT NULL, fee INTEGER NOT NULL DEFAULT 0, preimage TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX open_payments ON payments (created_at_ms) WHERE status IN ('pending', 'unknown');
   CREATE INDEX payments_by_time ON payments (created_at_ms)`,
]

export const QUERIES = {
  addAgreement: 'INSERT OR IGNORE INTO agreements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  // The seller's first signed word stays.
  closeAgreement: `UPDATE agreements SET state = 'closed', statement = coalesce(statement, ?) WHERE id = ?`,
  openAgreements: `SELECT * FROM agreements WHERE state = 'open' ORDER BY created_at_ms, id`,
  addPayment: `INSERT OR IGNORE INTO payments (payment_hash, request, agreement_id, origin, amount, max_fee, created_at_ms, status)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')`,
  // A final outcome is never overwritten.
  endPayment: `UPDATE payments SET status = ?, fee = ?, preimage = ? WHERE payment_hash = ? AND status IN ('pending', 'unknown')`,
  openPayments: `SELECT * FROM payments WHERE status IN ('pending', 'unknown') ORDER BY created_at_ms, payment_hash`,
  spent: `SELECT coalesce(sum(CASE status WHEN 'failed' THEN 0 WHEN 'settled' THEN amount + fee ELSE amount + max_fee END), 0) AS spent
    FROM payments WHERE created_at_ms >= ?1 AND (?2 IS NULL OR origin = ?2)`,
} as const

export const readAgreement = (row: Row): JournalAgreement => ({
  id: text(row, 'id'),
  secret: text(row, 'secret'),
  url: text(row, 'url'),
  method: text(row, 'method'),
  challenge: text(row, 'challenge'),
  agreement: text(row, 'agreement'),
  createdAtMs: number(row, 'created_at_ms'),
  state: word(row, 'state', ['open', 'closed']),
  ...(row.statement !== null && { statement: text(row, 'statement') }),
})

export const readPayment = (row: Row): JournalPayment => ({
  paymentHash: text(row, 'payment_hash'),
  request: text(row, 'request'),
  agreementId: text(row, 'agreement_id'),
  origin: text(row, 'origin'),
  amount: amount(row, 'amount'),
  maxFee: amount(row, 'max_fee'),
  createdAtMs: number(row, 'created_at_ms'),
  status: word(row, 'status', ['pending', 'settled', 'failed', 'unknown']),
  fee: amount(row, 'fee'),
  ...(row.preimage !== null && { preimage: text(row, 'preimage') }),
})
