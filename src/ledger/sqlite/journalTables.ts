import type { JournalAgreement, JournalPayment } from '../journal.ts'
import { type KeptLimit, LIMIT_NAMES } from '../limits.ts'
import { amount, integer, number, type Row, text, word } from './rows.ts'

/** What a payment counts as spent: the fee once it is known, and until then the most that it may be. */
const COST = `CASE status WHEN 'failed' THEN 0 WHEN 'settled' THEN amount + fee ELSE amount + max_fee END`
const FEE = `CASE status WHEN 'failed' THEN 0 WHEN 'settled' THEN fee ELSE max_fee END`

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
  // Sums beside the payments: a limit is looked at before every payment, and a day may have hundreds of thousands.
  `ALTER TABLE payments ADD COLUMN payer TEXT NOT NULL DEFAULT '';
   ALTER TABLE payments ADD COLUMN holder TEXT NOT NULL DEFAULT '';
   CREATE INDEX payments_by_agreement ON payments (agreement_id, created_at_ms);
   ALTER TABLE agreements ADD COLUMN holder TEXT NOT NULL DEFAULT '';
   ALTER TABLE agreements ADD COLUMN received_steps INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE agreements ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE returns (
     position INTEGER PRIMARY KEY, agreement_id TEXT NOT NULL, invoice TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL, status TEXT NOT NULL
   ) STRICT;
   CREATE INDEX returns_by_agreement ON returns (agreement_id, position);
   UPDATE agreements SET spent = (SELECT coalesce(sum(${COST}), 0) FROM payments WHERE agreement_id = agreements.id);
   CREATE TABLE spending (
     hour INTEGER NOT NULL, host TEXT NOT NULL, amount INTEGER NOT NULL, fees INTEGER NOT NULL, PRIMARY KEY (hour, host)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO spending SELECT created_at_ms / 3600000, substr(origin, instr(origin, '://') + 3), sum(${COST}), sum(${FEE})
     FROM payments GROUP BY 1, 2;
   CREATE TABLE limits (
     name TEXT NOT NULL, host TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (name, host)
   ) STRICT, WITHOUT ROWID`,
  // Several programs pay from one journal, each with limits of its own.
  `ALTER TABLE agreements ADD COLUMN caller TEXT NOT NULL DEFAULT '';
   ALTER TABLE payments ADD COLUMN caller TEXT NOT NULL DEFAULT '';
   CREATE TABLE caller_spending (
     caller TEXT NOT NULL, hour INTEGER NOT NULL, host TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (caller, hour, host)
   ) STRICT, WITHOUT ROWID`,
  'ALTER TABLE agreements ADD COLUMN fault TEXT',
]

const OPEN = `status IN ('pending', 'unknown')`

/** Every `?` is used once: the oldest versions of Node that this runs on refuse numbered ones. `coalesce(?, column)` is any value for a null. */
export const QUERIES = {
  addAgreement: `INSERT OR IGNORE INTO agreements (id, secret, url, method, challenge, agreement, created_at_ms, state, holder, caller)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?)`,
  holderOf: 'SELECT holder FROM agreements WHERE id = ?',
  hold: 'UPDATE agreements SET holder = ? WHERE id = ?',
  release: `UPDATE agreements SET holder = '' WHERE id = ? AND holder = ?`,
  releasePayments: `UPDATE payments SET holder = '' WHERE agreement_id = ? AND holder = ? AND ${OPEN}`,
  noteReceived: 'UPDATE agreements SET received_steps = max(received_steps, ?) WHERE id = ?',
  // The seller's first signed word stays.
  closeAgreement: `UPDATE agreements SET state = 'closed', statement = coalesce(statement, ?) WHERE id = ?`,
  noteFault: 'UPDATE agreements SET fault = coalesce(fault, ?) WHERE id = ?',
  noteReturn: `INSERT INTO returns (agreement_id, invoice, amount, status) VALUES (?, ?, ?, ?)
    ON CONFLICT (invoice) DO UPDATE SET status = excluded.status, amount = excluded.amount WHERE status <> 'settled'`,
  returns: 'SELECT invoice, amount, status FROM returns WHERE agreement_id = ? ORDER BY position',
  agreement: 'SELECT * FROM agreements WHERE id = ?',
  agreements: 'SELECT * FROM agreements WHERE state = coalesce(?, state) ORDER BY created_at_ms, id',
  // Over one that failed, and over no other: see who asks for it.
  addPayment: `INSERT OR REPLACE INTO payments (payment_hash, request, agreement_id, origin, payer, amount, max_fee, created_at_ms, status, holder, caller)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
  isPaid: `SELECT 1 FROM payments WHERE payment_hash = ? AND status <> 'failed'`,
  isKnown: 'SELECT 1 FROM payments WHERE payment_hash = ?',
  // A final outcome is never overwritten.
  endPayment: `UPDATE payments SET status = ?, fee = ?, preimage = ? WHERE payment_hash = ? AND ${OPEN}
    RETURNING agreement_id, origin, amount, max_fee, created_at_ms, caller`,
  payment: 'SELECT * FROM payments WHERE payment_hash = ?',
  payments: `SELECT * FROM payments WHERE agreement_id = coalesce(?, agreement_id) AND created_at_ms >= ?
    ORDER BY created_at_ms, payment_hash`,
  // Newest first: what is asked for in pages is read from its end.
  latestPayments: `SELECT * FROM payments WHERE agreement_id = coalesce(?, agreement_id) AND created_at_ms >= ?
    AND (created_at_ms, payment_hash) < (?, ?) AND caller = coalesce(?, caller)
    ORDER BY created_at_ms DESC, payment_hash DESC LIMIT ?`,
  openPayments: `SELECT * FROM payments WHERE ${OPEN} AND agreement_id = coalesce(?, agreement_id) AND created_at_ms >= ?
    ORDER BY created_at_ms, payment_hash`,
  addSpending: `INSERT INTO spending VALUES (?, ?, ?, ?)
    ON CONFLICT (hour, host) DO UPDATE SET amount = amount + excluded.amount, fees = fees + excluded.fees`,
  addCallerSpending: `INSERT INTO caller_spending VALUES (?, ?, ?, ?)
    ON CONFLICT (caller, hour, host) DO UPDATE SET amount = amount + excluded.amount`,
  callerSpent: 'SELECT coalesce(sum(amount), 0) AS spent FROM caller_spending WHERE caller = ?',
  callerDaySpent: 'SELECT coalesce(sum(amount), 0) AS spent FROM caller_spending WHERE caller = ? AND hour >= ?',
  callerHostSpent:
    'SELECT coalesce(sum(amount), 0) AS spent FROM caller_spending WHERE caller = ? AND hour >= ? AND host = ?',
  addSpent: 'UPDATE agreements SET spent = spent + ? WHERE id = ?',
  agreementSpent: 'SELECT spent FROM agreements WHERE id = ?',
  hostSpent: 'SELECT coalesce(sum(amount), 0) AS spent FROM spending WHERE host = ? AND hour >= ?',
  daySpent: 'SELECT coalesce(sum(amount), 0) AS spent, coalesce(sum(fees), 0) AS fees FROM spending WHERE hour >= ?',
  totalSpent: 'SELECT coalesce(sum(amount), 0) AS spent FROM spending',
  hostsSpent: 'SELECT host, sum(amount) AS spent FROM spending WHERE hour >= ? GROUP BY host ORDER BY host',
  limits: 'SELECT * FROM limits ORDER BY name, host',
  setLimit: 'INSERT OR REPLACE INTO limits VALUES (?, ?, ?)',
  dropLimit: 'DELETE FROM limits WHERE name = ? AND host = ?',
} as const

export const readAgreement = (row: Row, returns: readonly Row[]): JournalAgreement => ({
  id: text(row, 'id'),
  secret: text(row, 'secret'),
  url: text(row, 'url'),
  method: text(row, 'method'),
  challenge: text(row, 'challenge'),
  agreement: text(row, 'agreement'),
  createdAtMs: number(row, 'created_at_ms'),
  state: word(row, 'state', ['open', 'closed']),
  receivedSteps: integer(row, 'received_steps'),
  ...(row.caller !== '' && { caller: text(row, 'caller') }),
  ...(row.statement !== null && { statement: text(row, 'statement') }),
  ...(row.fault !== null && { fault: text(row, 'fault') }),
  returns: returns.map((entry) => ({
    invoice: text(entry, 'invoice'),
    amount: amount(entry, 'amount'),
    status: word(entry, 'status', ['asked', 'settled', 'failed']),
  })),
})

export const readPayment = (row: Row): JournalPayment => ({
  paymentHash: text(row, 'payment_hash'),
  request: text(row, 'request'),
  agreementId: text(row, 'agreement_id'),
  origin: text(row, 'origin'),
  payer: text(row, 'payer'),
  amount: amount(row, 'amount'),
  maxFee: amount(row, 'max_fee'),
  createdAtMs: number(row, 'created_at_ms'),
  status: word(row, 'status', ['pending', 'settled', 'failed', 'unknown']),
  fee: amount(row, 'fee'),
  ...(row.caller !== '' && { caller: text(row, 'caller') }),
  ...(row.preimage !== null && { preimage: text(row, 'preimage') }),
})

export const readLimit = (row: Row): KeptLimit => ({
  name: word(row, 'name', LIMIT_NAMES),
  amount: amount(row, 'amount'),
  ...(row.host !== '' && { host: text(row, 'host') }),
})
