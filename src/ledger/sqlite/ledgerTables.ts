import type { Network } from '../../money/network.ts'
import { price } from '../../money/price.ts'
import type { AgreementRecord, ReturnRecord } from '../ledger.ts'
import { amount, integer, number, type Row, text, word } from './rows.ts'

/** Amounts are in msat and times in ms, as 64-bit integers. An agreement is closed when it has its statement. */
export const MIGRATIONS = [
  `CREATE TABLE agreements (
     id TEXT PRIMARY KEY, unit TEXT NOT NULL, price_msat INTEGER NOT NULL, price_per INTEGER NOT NULL,
     credit_start INTEGER NOT NULL, credit_max INTEGER NOT NULL, credit_ramp INTEGER NOT NULL, smallest_payment INTEGER NOT NULL,
     network TEXT NOT NULL, payee TEXT NOT NULL, scope TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
     delivered_steps INTEGER NOT NULL DEFAULT 0, leased_steps INTEGER NOT NULL DEFAULT 0,
     paid INTEGER NOT NULL DEFAULT 0, returned INTEGER NOT NULL DEFAULT 0, payments INTEGER NOT NULL DEFAULT 0, statement TEXT,
     CHECK (delivered_steps >= 0 AND leased_steps >= delivered_steps),
     CHECK (returned >= 0 AND returned <= paid)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX unpaid_agreements ON agreements (created_at_ms) WHERE paid = 0 AND statement IS NULL;
   CREATE TABLE invoices (
     payment_hash TEXT PRIMARY KEY, agreement_id TEXT NOT NULL,
     amount INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, settled_amount INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX open_invoices ON invoices (agreement_id, expires_at_ms) WHERE settled_amount IS NULL;
   CREATE TABLE returns (
     payment_hash TEXT PRIMARY KEY, agreement_id TEXT NOT NULL,
     request TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0), status TEXT NOT NULL, fee INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX pending_returns ON returns (payment_hash) WHERE status = 'pending';
   CREATE TABLE settlements (only INTEGER PRIMARY KEY CHECK (only = 1), last_index INTEGER NOT NULL) STRICT;
   INSERT INTO settlements VALUES (1, 0)`,
]

export const QUERIES = {
  lastIndex: 'SELECT last_index FROM settlements',
  moveIndex: 'UPDATE settlements SET last_index = max(last_index, ?)',
  addAgreement: `INSERT OR IGNORE INTO agreements (id, unit, price_msat, price_per, credit_start, credit_max, credit_ramp,
    smallest_payment, network, payee, scope, expires_at_ms, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addInvoice: `INSERT INTO invoices (payment_hash, agreement_id, amount, expires_at_ms)
    SELECT ?, id, ?, ? FROM agreements WHERE id = ?`,
  agreement: 'SELECT * FROM agreements WHERE id = ?',
  // An invoice that can still be paid, or whose payment the node may still tell of, keeps its agreement.
  forgettable: `SELECT id FROM agreements AS a WHERE paid = 0 AND statement IS NULL AND created_at_ms < ? AND NOT EXISTS
    (SELECT 1 FROM invoices WHERE agreement_id = a.id AND settled_amount IS NULL AND expires_at_ms >= ?)`,
  forgetInvoices: 'DELETE FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL',
  forgetAgreement: 'DELETE FROM agreements WHERE id = ?',
  countUnpaid: 'SELECT count(*) AS count FROM agreements WHERE paid = 0 AND statement IS NULL',
  countOpenInvoices:
    'SELECT count(*) AS count FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL AND expires_at_ms > ?',
  // Booked once: a hash that is settled already changes no row.
  settleInvoice: `UPDATE invoices SET settled_amount = ? WHERE payment_hash = ? AND settled_amount IS NULL
    RETURNING agreement_id`,
  addPaid: 'UPDATE agreements SET paid = paid + ?, payments = payments + 1 WHERE id = ? RETURNING paid',
  lease: `UPDATE agreements SET delivered_steps = max(delivered_steps, ?1), leased_steps = max(leased_steps, ?1, ?2)
    WHERE id = ?3 AND statement IS NULL`,
  close: `UPDATE agreements SET delivered_steps = ?1, leased_steps = ?1, statement = ?2 WHERE id = ?3 AND statement IS NULL`,
  statement: 'SELECT statement FROM agreements WHERE id = ?',
  addReturn: `INSERT OR IGNORE INTO returns (payment_hash, agreement_id, request, amount, status) VALUES (?, ?, ?, ?, 'pending')`,
  addReturned: 'UPDATE agreements SET returned = returned + ? WHERE id = ?',
  endReturn: `UPDATE returns SET status = ?, fee = ? WHERE payment_hash = ? AND status = 'pending' RETURNING amount, agreement_id`,
  pendingReturns: `SELECT * FROM returns WHERE status = 'pending' ORDER BY payment_hash`,
} as const

const NETWORKS = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet'] as const satisfies readonly Network[]

export const readAgreement = (row: Row): AgreementRecord => ({
  agreement: {
    id: text(row, 'id'),
    price: price(integer(row, 'price_msat'), integer(row, 'price_per'), text(row, 'unit')),
    credit: { start: amount(row, 'credit_start'), max: amount(row, 'credit_max'), ramp: integer(row, 'credit_ramp') },
    smallestPayment: amount(row, 'smallest_payment'),
    network: word(row, 'network', NETWORKS),
    payee: text(row, 'payee'),
    scope: text(row, 'scope'),
    expiresAtMs: number(row, 'expires_at_ms'),
  },
  createdAtMs: number(row, 'created_at_ms'),
  state: row.statement === null ? 'open' : 'closed',
  deliveredSteps: integer(row, 'delivered_steps'),
  leasedSteps: integer(row, 'leased_steps'),
  paid: amount(row, 'paid'),
  returned: amount(row, 'returned'),
  payments: number(row, 'payments'),
})

export const readReturn = (row: Row): ReturnRecord => ({
  agreementId: text(row, 'agreement_id'),
  paymentHash: text(row, 'payment_hash'),
  request: text(row, 'request'),
  amount: amount(row, 'amount'),
  status: word(row, 'status', ['pending', 'settled', 'failed']),
  fee: amount(row, 'fee'),
})
