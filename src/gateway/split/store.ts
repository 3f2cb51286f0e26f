import { Database } from '../../ledger/sqlite/database.ts'
import { amount, number, type Row, text, word } from '../../ledger/sqlite/rows.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import { divide, type Weights } from './shares.ts'

/** Money on its way to a recipient. */
export interface Payout {
  readonly paymentHash: string
  readonly recipient: string
  /** The recipient's invoice, BOLT 11. */
  readonly request: string
  readonly amount: Msat
  readonly fee: Msat
  /** `failed`: for good, and the amount is the recipient's balance again. */
  readonly status: 'pending' | 'settled' | 'failed'
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly attempts: number
  /** Why the last attempt did not settle, in a word. */
  readonly failure: string
}

/** How a recipient stands. `earned` less `paid` is what it is owed; what is on its way counts as paid. */
export interface Standing {
  readonly recipient: string
  readonly earned: Msat
  readonly paid: Msat
  /** The name is the seller itself: its part stays where it is, and nobody is owed anything. */
  readonly kept: boolean
}

/** Amounts in msat, times in ms. Never changed once released. */
const MIGRATIONS = [
  `CREATE TABLE agreements (id TEXT PRIMARY KEY, route TEXT NOT NULL, split TEXT NOT NULL, earned INTEGER NOT NULL,
     ended INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX running ON agreements (id) WHERE ended = 0;
   CREATE TABLE shares (route TEXT NOT NULL, split TEXT NOT NULL, recipient TEXT NOT NULL,
     given INTEGER NOT NULL CHECK (given >= 0), PRIMARY KEY (route, split, recipient)) STRICT, WITHOUT ROWID;
   CREATE TABLE recipients (name TEXT PRIMARY KEY, kept INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE payouts (payment_hash TEXT PRIMARY KEY, recipient TEXT NOT NULL, request TEXT NOT NULL,
     amount INTEGER NOT NULL CHECK (amount > 0), fee INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0, failure TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX one_at_a_time ON payouts (recipient) WHERE status = 'pending';
   CREATE TABLE wanted (recipient TEXT PRIMARY KEY) STRICT, WITHOUT ROWID`,
]

const QUERIES = {
  agreement: 'SELECT * FROM agreements WHERE id = ?',
  begin: 'INSERT OR IGNORE INTO agreements (id, route, split, earned, ended) VALUES (?, ?, ?, 0, 0)',
  earn: 'UPDATE agreements SET earned = ?, ended = max(ended, ?) WHERE id = ?',
  running: 'SELECT id FROM agreements WHERE ended = 0',
  shares: 'SELECT recipient, given FROM shares WHERE route = ? AND split = ? ORDER BY recipient',
  give: `INSERT INTO shares (route, split, recipient, given) VALUES (?, ?, ?, ?)
    ON CONFLICT (route, split, recipient) DO UPDATE SET given = excluded.given`,
  name: 'INSERT INTO recipients (name, kept) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET kept = excluded.kept',
  earned: `SELECT recipient, sum(given) AS earned, coalesce(kept, 0) AS kept FROM shares
    LEFT JOIN recipients ON name = recipient GROUP BY recipient ORDER BY recipient`,
  paid: `SELECT coalesce(sum(amount), 0) AS paid FROM payouts WHERE recipient = ? AND status <> 'failed'`,
  add: `INSERT INTO payouts (payment_hash, recipient, request, amount, status, created_at_ms, expires_at_ms)
    VALUES (?, ?, ?, ?, 'pending', ?, ?)`,
  pending: `SELECT * FROM payouts WHERE recipient = ? AND status = 'pending'`,
  allPending: `SELECT recipient FROM payouts WHERE status = 'pending'`,
  list: 'SELECT * FROM payouts ORDER BY created_at_ms DESC LIMIT ?',
  lastAt: 'SELECT coalesce(max(created_at_ms), 0) AS at FROM payouts WHERE recipient = ?',
  delay: `UPDATE payouts SET attempts = attempts + 1, failure = ? WHERE payment_hash = ? AND status = 'pending'`,
  end: `UPDATE payouts SET status = ?, fee = ? WHERE payment_hash = ? AND status = 'pending'`,
  want: 'INSERT OR IGNORE INTO wanted (recipient) VALUES (?)',
  wanted: 'DELETE FROM wanted WHERE recipient = ? RETURNING recipient',
} as const

/**
 * What recipients have earned and what was paid out to them, in a SQLite file. The seller that writes it runs alone (its ledger sees to
 * that); the command `payouts` reads it meanwhile.
 */
export class PayoutStore {
  readonly #database: Database
  readonly #sql: ReturnType<Database['prepare']>

  /** @throws StreamError `ledger-failed` */
  constructor(path: string) {
    this.#database = new Database({ path, exclusive: false, durable: 'later', migrations: MIGRATIONS })
    this.#sql = this.#database.prepare(QUERIES)
  }

  /**
   * Notes that an agreement exists and how what it earns is divided, for as long as it lasts. To be called before anything is delivered on
   * it; on the disk when it returns, so that a later run looks at what was.
   */
  begin(agreementId: string, route: string, weights: Weights): void {
    if (this.#database.guard(() => this.#sql.agreement!.get(agreementId))) return
    this.#database.durableTransaction(() => this.#sql.begin!.run(agreementId, route, splitText(weights)))
  }

  /** Agreements that may still earn. */
  running(): string[] {
    return this.#database.guard(() => (this.#sql.running!.all() as Row[]).map((row) => text(row, 'id')))
  }

  /**
   * Books what an agreement has earned in all, and gives what is new of it to the recipients, in one transaction. A total that is below
   * an earlier one (steps that were taken back) books nothing until it is above it.
   */
  earn(agreementId: string, total: Msat, hasEnded: boolean): void {
    this.#database.transaction(() => {
      const row = this.#sql.agreement!.get(agreementId) as Row | undefined
      if (!row) return
      const before = amount(row, 'earned')
      const [route, split] = [text(row, 'route'), text(row, 'split')]
      this.#sql.earn!.run(total > before ? total : before, hasEnded ? 1 : 0, agreementId)
      if (total <= before) return
      // Only what was divided alike: a split that changes leaves what was earned before as it was divided then.
      const given = new Map(
        (this.#sql.shares!.all(route, split) as Row[]).map((share) => [
          text(share, 'recipient'),
          amount(share, 'given'),
        ]),
      )
      const sum = [...given.values()].reduce((all, one) => all + one, 0n)
      for (const [name, share] of divide(readSplit(split), given, msat(sum + total - before))) {
        if (share !== given.get(name)) this.#sql.give!.run(route, split, name, share)
      }
    })
  }

  /** Notes which names are recipients and which are the seller itself. Names that are not told of stay as they were. */
  name(names: ReadonlyMap<string, { readonly kept: boolean }>): void {
    this.#database.transaction(() => {
      for (const [name, { kept }] of names) this.#sql.name!.run(name, kept ? 1 : 0)
    })
  }

  standings(): Standing[] {
    return this.#database.guard(() =>
      (this.#sql.earned!.all() as Row[]).map((row) => {
        const recipient = text(row, 'recipient')
        const paid = amount(this.#sql.paid!.get(recipient) as Row, 'paid')
        return { recipient, earned: amount(row, 'earned'), paid, kept: number(row, 'kept') === 1 }
      }),
    )
  }

  /** What a recipient is owed, less what is on its way. */
  owed(recipient: string): Msat {
    const standing = this.standings().find((one) => one.recipient === recipient)
    return standing ? msat(standing.earned - standing.paid) : ZERO
  }

  pending(recipient: string): Payout | undefined {
    const row = this.#database.guard(() => this.#sql.pending!.get(recipient) as Row | undefined)
    return row && readPayout(row)
  }

  /** Recipients with a payout on its way. */
  allPending(): string[] {
    return this.#database.guard(() => (this.#sql.allPending!.all() as Row[]).map((row) => text(row, 'recipient')))
  }

  /** When the last payout of a recipient was made; 0 if there was none. */
  lastAtMs(recipient: string): number {
    return this.#database.guard(() => number(this.#sql.lastAt!.get(recipient) as Row, 'at'))
  }

  /** Newest first. */
  list(limit: number): Payout[] {
    return this.#database.guard(() => (this.#sql.list!.all(limit) as Row[]).map(readPayout))
  }

  /** Books a payout: on the disk when it returns, before anything is sent. `false` if it exceeds what is owed. */
  add(
    payout: Pick<Payout, 'paymentHash' | 'recipient' | 'request' | 'amount' | 'createdAtMs' | 'expiresAtMs'>,
  ): boolean {
    const { paymentHash, recipient, request, amount: sum, createdAtMs, expiresAtMs } = payout
    return this.#database.durableTransaction(() => {
      if (sum > this.owed(recipient)) return false
      this.#sql.add!.run(paymentHash, recipient, request, sum, createdAtMs, expiresAtMs)
      return true
    })
  }

  delay(paymentHash: string, failure: string): void {
    this.#database.transaction(() => this.#sql.delay!.run(failure, paymentHash))
  }

  end(paymentHash: string, status: 'settled' | 'failed', fee: Msat): void {
    this.#database.transaction(() => this.#sql.end!.run(status, fee, paymentHash))
  }

  /** Asks the running seller to pay a recipient now, however little it is owed. */
  want(recipient: string): void {
    this.#database.transaction(() => this.#sql.want!.run(recipient))
  }

  /** Whether that was asked; told once. */
  takeWanted(recipient: string): boolean {
    return this.#database.transaction(() => this.#sql.wanted!.get(recipient) !== undefined)
  }

  close(): void {
    this.#database.close()
  }
}

/** The same text for the same parts, in whatever order they are written. */
const splitText = (weights: Weights): string =>
  JSON.stringify([...weights].map(([name, weight]) => [name, `${weight}`]).sort(([a], [b]) => (a! < b! ? -1 : 1)))

const readSplit = (written: string): Weights =>
  new Map((JSON.parse(written) as [string, string][]).map(([name, weight]) => [name, BigInt(weight)]))

const readPayout = (row: Row): Payout => ({
  paymentHash: text(row, 'payment_hash'),
  recipient: text(row, 'recipient'),
  request: text(row, 'request'),
  amount: amount(row, 'amount'),
  fee: amount(row, 'fee'),
  status: word(row, 'status', ['pending', 'settled', 'failed']),
  createdAtMs: number(row, 'created_at_ms'),
  expiresAtMs: number(row, 'expires_at_ms'),
  attempts: number(row, 'attempts'),
  failure: text(row, 'failure'),
})
