import type { Network } from '../../money/network.ts'
import { price } from '../../money/price.ts'
import { PER_MSAT, type Tariff } from '../../money/tariff.ts'
import { Fields } from '../../wire/fields.ts'
import { decodeTariff } from '../../wire/tariff.ts'
import { type AgreementRecord, type Claim, type ClaimScheme, MAX_FORGOTTEN, type ReturnRecord } from '../ledger.ts'
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
  `CREATE TABLE starts (only INTEGER PRIMARY KEY CHECK (only = 1), count INTEGER NOT NULL) STRICT;
   INSERT INTO starts VALUES (1, 0)`,
  // A claim of the first version counts as expired: it ends as its node says, and is not sent again.
  `ALTER TABLE returns ADD COLUMN expires_at_ms INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE returns ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE returns ADD COLUMN next_attempt_ms INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE returns ADD COLUMN failure TEXT;
   CREATE INDEX returns_of_agreement ON returns (agreement_id) WHERE status <> 'failed';
   CREATE INDEX never_paid ON agreements (created_at_ms) WHERE paid = 0;
   CREATE TABLE forgotten_invoices (
     number INTEGER PRIMARY KEY AUTOINCREMENT, payment_hash TEXT NOT NULL UNIQUE, agreement_id TEXT NOT NULL
   ) STRICT`,
  'ALTER TABLE agreements ADD COLUMN unsigned INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE agreements ADD COLUMN tariff TEXT',
  `ALTER TABLE agreements ADD COLUMN scheme TEXT;
   ALTER TABLE agreements ADD COLUMN claim_reference TEXT;
   DROP INDEX unpaid_agreements;
   CREATE INDEX unpaid_agreements ON agreements (created_at_ms) WHERE paid = 0 AND statement IS NULL AND scheme IS NULL;
   CREATE INDEX sessions ON agreements (id) WHERE scheme = 'session' AND (statement IS NULL OR returned = 0)`,
]

export const QUERIES = {
  countStart: 'UPDATE starts SET count = count + 1 RETURNING count',
  lastIndex: 'SELECT last_index FROM settlements',
  moveIndex: 'UPDATE settlements SET last_index = max(last_index, ?)',
  addAgreement: `INSERT OR IGNORE INTO agreements (id, unit, price_msat, price_per, credit_start, credit_max, credit_ramp,
    smallest_payment, network, payee, scope, expires_at_ms, created_at_ms, unsigned, tariff, scheme)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addInvoice: `INSERT INTO invoices (payment_hash, agreement_id, amount, expires_at_ms)
    SELECT ?, id, ?, ? FROM agreements WHERE id = ?`,
  agreement: 'SELECT * FROM agreements WHERE id = ?',
  // An invoice that can still be paid, or whose payment the node may still tell of, keeps its agreement.
  forgettable: `SELECT id FROM agreements AS a WHERE paid = 0 AND created_at_ms < ? AND NOT EXISTS
    (SELECT 1 FROM invoices WHERE agreement_id = a.id AND settled_amount IS NULL AND expires_at_ms >= ?)`,
  rememberInvoices: `INSERT OR REPLACE INTO forgotten_invoices (payment_hash, agreement_id)
    SELECT payment_hash, agreement_id FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL`,
  trimForgotten: `DELETE FROM forgotten_invoices
    WHERE number <= (SELECT max(number) FROM forgotten_invoices) - ${MAX_FORGOTTEN}`,
  settleForgotten: 'DELETE FROM forgotten_invoices WHERE payment_hash = ? RETURNING agreement_id',
  forgetInvoices: 'DELETE FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL',
  forgetAgreement: 'DELETE FROM agreements WHERE id = ?',
  countUnpaid: 'SELECT count(*) AS count FROM agreements WHERE paid = 0 AND statement IS NULL AND scheme IS NULL',
  oldestUnpaid:
    'SELECT min(created_at_ms) AS at FROM agreements WHERE paid = 0 AND statement IS NULL AND scheme IS NULL',
  // The first claim stays.
  claim: `UPDATE agreements SET scheme = ?, claim_reference = ? WHERE id = ? AND scheme = 'offered'`,
  sessions: `SELECT * FROM agreements WHERE scheme = 'session' AND (statement IS NULL OR returned = 0) ORDER BY id`,
  nextInvoiceExpiry: `SELECT min(expires_at_ms) AS at FROM invoices
    WHERE agreement_id = ? AND settled_amount IS NULL AND expires_at_ms > ?`,
  countOpenInvoices:
    'SELECT count(*) AS count FROM invoices WHERE agreement_id = ? AND settled_amount IS NULL AND expires_at_ms > ?',
  // Booked once: a hash that is settled already changes no row.
  settleInvoice: `UPDATE invoices SET settled_amount = ? WHERE payment_hash = ? AND settled_amount IS NULL
    RETURNING agreement_id`,
  addPaid: 'UPDATE agreements SET paid = paid + ?, payments = payments + 1 WHERE id = ? RETURNING paid',
  lease: `UPDATE agreements SET delivered_steps = ?, leased_steps = max(?, ?) WHERE id = ? AND statement IS NULL`,
  close: `UPDATE agreements SET delivered_steps = ?, leased_steps = ?, statement = ? WHERE id = ? AND statement IS NULL`,
  statement: 'SELECT statement FROM agreements WHERE id = ?',
  addReturn: `INSERT OR IGNORE INTO returns (payment_hash, agreement_id, request, amount, expires_at_ms, status)
    VALUES (?, ?, ?, ?, ?, 'pending')`,
  countReturns: `SELECT count(*) AS count FROM returns WHERE agreement_id = ? AND status <> 'failed'`,
  getReturn: 'SELECT * FROM returns WHERE payment_hash = ?',
  delayReturn: `UPDATE returns SET attempts = ?, next_attempt_ms = ?, failure = ? WHERE payment_hash = ? AND status = 'pending'`,
  addReturned: 'UPDATE agreements SET returned = returned + ? WHERE id = ?',
  endReturn: `UPDATE returns SET status = ?, fee = ? WHERE payment_hash = ? AND status = 'pending' RETURNING amount, agreement_id`,
  // Roughly, by floating point, to leave out in SQL what has no balance: a product of integers could overflow there.
  over: `SELECT * FROM agreements WHERE (statement IS NOT NULL OR expires_at_ms <= ?)
    AND (paid - returned) * 1.001 + 1 >= ? + leased_steps * 1.0 * price_msat / price_per`,
  pendingReturns: `SELECT * FROM returns WHERE status = 'pending' ORDER BY payment_hash`,
} as const

const NETWORKS = ['mainnet', 'testnet', 'signet', 'regtest', 'simnet'] as const satisfies readonly Network[]

function readTariff(row: Row): { readonly tariff?: Tariff } {
  if (row.tariff === null) return {}
  return decodeTariff(new Fields(JSON.parse(text(row, 'tariff')), 'ledger-failed'), PER_MSAT)
}

const SCHEMES = ['offered', 'charge', 'l402', 'session', 'top-up'] as const satisfies readonly ClaimScheme[]

function readClaim(row: Row): { readonly claim?: Claim } {
  if (row.scheme === null) return {}
  const reference = row.claim_reference === null ? {} : { reference: text(row, 'claim_reference') }
  return { claim: { scheme: word(row, 'scheme', SCHEMES), ...reference } }
}

export const readAgreement = (row: Row): AgreementRecord => ({
  agreement: {
    id: text(row, 'id'),
    price: price(integer(row, 'price_msat'), integer(row, 'price_per'), text(row, 'unit')),
    credit: { start: amount(row, 'credit_start'), max: amount(row, 'credit_max'), ramp: integer(row, 'credit_ramp') },
    smallestPayment: amount(row, 'smallest_payment'),
    network: word(row, 'network', NETWORKS),
    payee: text(row, 'payee'),
    ...(integer(row, 'unsigned') > 0n && { unsigned: true }),
    ...readTariff(row),
    scope: text(row, 'scope'),
    expiresAtMs: number(row, 'expires_at_ms'),
  },
  ...readClaim(row),
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
  expiresAtMs: number(row, 'expires_at_ms'),
  status: word(row, 'status', ['pending', 'settled', 'failed']),
  fee: amount(row, 'fee'),
  attempts: number(row, 'attempts'),
  nextAttemptMs: number(row, 'next_attempt_ms'),
  ...(row.failure !== null && { failure: text(row, 'failure') }),
})
