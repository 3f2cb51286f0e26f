import { Database } from '../../ledger/sqlite/database.ts'
import { integer, number, type Row, text, word } from '../../ledger/sqlite/rows.ts'
import { type Bucket, bucketOf, isNothing, type Sums, WIDTHS } from './series.ts'
import type { Sight } from './sight.ts'
import type { Trouble } from './trouble.ts'

/** Agreements that are remembered; of more, those are forgotten that were seen longest ago. */
export const MAX_SIGHTS = 20_000
export const MAX_TROUBLES = 1000
export const MAX_PRICE_EDITS = 1000

/** A change of a price: who made it, and what it was before. */
export interface PriceEdit {
  readonly atMs: number
  readonly route: string
  readonly was: string
  readonly now: string
  /** `browser` or `token`, and from which address. */
  readonly by: string
}

const MIGRATIONS = [
  `CREATE TABLE revenue (
     width INTEGER NOT NULL, start INTEGER NOT NULL, route TEXT NOT NULL,
     paid INTEGER NOT NULL, earned INTEGER NOT NULL, returned INTEGER NOT NULL, payments INTEGER NOT NULL,
     PRIMARY KEY (width, start, route)) WITHOUT ROWID;
   CREATE TABLE sight (
     agreement TEXT PRIMARY KEY, route TEXT NOT NULL, client TEXT NOT NULL,
     opened INTEGER NOT NULL, seen INTEGER NOT NULL, state TEXT NOT NULL,
     paid INTEGER NOT NULL, earned INTEGER NOT NULL, returned INTEGER NOT NULL, payments INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX sight_seen ON sight (seen);
   CREATE TABLE trouble (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, route TEXT NOT NULL, agreement TEXT NOT NULL,
     text TEXT NOT NULL);
   CREATE TABLE price (
     id INTEGER PRIMARY KEY, at INTEGER NOT NULL, route TEXT NOT NULL, was TEXT NOT NULL, now TEXT NOT NULL, by TEXT NOT NULL);`,
]

const QUERIES = {
  addRevenue: `INSERT INTO revenue VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    paid = paid + excluded.paid, earned = earned + excluded.earned, returned = returned + excluded.returned,
    payments = payments + excluded.payments`,
  pruneRevenue: 'DELETE FROM revenue WHERE width = ? AND start < ?',
  revenue: `SELECT start, SUM(paid) AS paid, SUM(earned) AS earned, SUM(returned) AS returned, SUM(payments) AS payments
    FROM revenue WHERE width = ? AND start >= ? AND route = coalesce(nullif(?, ''), route) GROUP BY start ORDER BY start`,
  byRoute: `SELECT route, SUM(paid) AS paid, SUM(earned) AS earned, SUM(returned) AS returned, SUM(payments) AS payments
    FROM revenue WHERE width = ? AND start >= ? GROUP BY route ORDER BY route`,
  putSight: 'INSERT OR REPLACE INTO sight VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  getSight: 'SELECT * FROM sight WHERE agreement = ?',
  sights: 'SELECT * FROM sight ORDER BY seen DESC, agreement LIMIT ?',
  pruneSights:
    'DELETE FROM sight WHERE agreement IN (SELECT agreement FROM sight ORDER BY seen DESC LIMIT -1 OFFSET ?)',
  addTrouble: 'INSERT INTO trouble (at, kind, route, agreement, text) VALUES (?, ?, ?, ?, ?)',
  troubles: 'SELECT * FROM trouble ORDER BY id DESC LIMIT ?',
  pruneTroubles: 'DELETE FROM trouble WHERE id <= (SELECT MAX(id) FROM trouble) - ?',
  addPrice: 'INSERT INTO price (at, route, was, now, by) VALUES (?, ?, ?, ?, ?)',
  prices: 'SELECT * FROM price ORDER BY id DESC LIMIT ?',
  prunePrices: 'DELETE FROM price WHERE id <= (SELECT MAX(id) FROM price) - ?',
} as const

const KINDS = [
  'return-delayed',
  'return-failed',
  'payout-delayed',
  'payout-failed',
  'payment-unknown',
  'stray',
  'error',
  'reload-failed',
] as const

/** What one write of the collector holds. */
export interface Batch {
  readonly atMs: number
  readonly revenue: ReadonlyArray<readonly [route: string, change: Sums]>
  readonly sights: Iterable<Sight>
  readonly troubles: readonly Trouble[]
}

/**
 * The dashboard's memory, in a SQLite file of its own: no money depends on it. A power cut may take its last seconds. Everything in it is
 * bounded, and pruned once an hour.
 * @throws StreamError `ledger-failed` from every method
 */
export class StatsStore {
  readonly #database: Database
  readonly #queries: ReturnType<typeof prepare>

  constructor(path: string) {
    this.#database = new Database({ path, exclusive: false, durable: 'later', migrations: MIGRATIONS })
    this.#queries = prepare(this.#database)
  }

  /** All of a batch or nothing, so that a change is counted once. */
  write({ atMs, revenue, sights, troubles }: Batch): void {
    const { addRevenue, putSight, addTrouble } = this.#queries
    this.#database.transaction(() => {
      for (const [route, sums] of revenue) {
        if (isNothing(sums)) continue
        const { paid, earned, returned, payments } = sums
        for (const { widthMs } of WIDTHS) {
          addRevenue.run(widthMs, bucketOf(atMs, widthMs), route, paid, earned, returned, payments)
        }
      }
      for (const sight of sights) {
        const { agreement, route, client, openedAtMs, seenAtMs, state, paid, earned, returned, payments } = sight
        putSight.run(agreement, route, client, openedAtMs, seenAtMs, state, paid, earned, returned, payments)
      }
      for (const { atMs: at, kind, route, agreement, text: words } of troubles) {
        addTrouble.run(at, kind, route, agreement, words)
      }
    })
  }

  prune(nowMs: number): void {
    this.#database.transaction(() => {
      for (const { widthMs, keepMs } of WIDTHS) this.#queries.pruneRevenue.run(widthMs, nowMs - keepMs)
      this.#queries.pruneSights.run(MAX_SIGHTS)
      this.#queries.pruneTroubles.run(MAX_TROUBLES)
      this.#queries.prunePrices.run(MAX_PRICE_EDITS)
    })
  }

  sight(agreement: string): Sight | undefined {
    return this.#database.guard(() => {
      const row = this.#queries.getSight.get(agreement)
      return row && sightOf(row)
    })
  }

  /** Those seen last, newest first. */
  sights(limit: number): Sight[] {
    return this.#database.guard(() => this.#queries.sights.all(limit).map(sightOf))
  }

  /** Buckets in which something happened, oldest first; of all routes where none is named. */
  revenue(widthMs: number, sinceMs: number, route = ''): Bucket[] {
    return this.#database.guard(() =>
      this.#queries.revenue
        .all(widthMs, sinceMs, route)
        .map((row) => ({ startMs: number(row, 'start'), ...sumsOfRow(row) })),
    )
  }

  byRoute(widthMs: number, sinceMs: number): Array<readonly [string, Sums]> {
    return this.#database.guard(() =>
      this.#queries.byRoute.all(widthMs, sinceMs).map((row) => [text(row, 'route'), sumsOfRow(row)] as const),
    )
  }

  /** Newest first. */
  troubles(limit: number): Trouble[] {
    return this.#database.guard(() =>
      this.#queries.troubles.all(limit).map((row) => ({
        atMs: number(row, 'at'),
        kind: word(row, 'kind', KINDS),
        route: text(row, 'route'),
        agreement: text(row, 'agreement'),
        text: text(row, 'text'),
      })),
    )
  }

  notePrice({ atMs, route, was, now, by }: PriceEdit): void {
    this.#database.guard(() => this.#queries.addPrice.run(atMs, route, was, now, by))
  }

  /** Newest first. */
  prices(limit: number): PriceEdit[] {
    return this.#database.guard(() =>
      this.#queries.prices.all(limit).map((row) => ({
        atMs: number(row, 'at'),
        route: text(row, 'route'),
        was: text(row, 'was'),
        now: text(row, 'now'),
        by: text(row, 'by'),
      })),
    )
  }

  close(): void {
    this.#database.close()
  }
}

const prepare = (database: Database) => database.prepare(QUERIES)

const sumsOfRow = (row: Row): Sums => ({
  paid: integer(row, 'paid'),
  earned: integer(row, 'earned'),
  returned: integer(row, 'returned'),
  payments: integer(row, 'payments'),
})

const sightOf = (row: Row): Sight => ({
  agreement: text(row, 'agreement'),
  route: text(row, 'route'),
  client: text(row, 'client'),
  openedAtMs: number(row, 'opened'),
  seenAtMs: number(row, 'seen'),
  state: word(row, 'state', ['open', 'closed']),
  ...sumsOfRow(row),
})
