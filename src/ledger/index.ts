import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import { MemoryJournal } from './memory/journal.ts'
import { MemoryLedger } from './memory/ledger.ts'
import { SqliteJournal } from './sqlite/journal.ts'
import { SqliteLedger } from './sqlite/ledger.ts'

/**
 * The seller's book, in a SQLite file of this process alone, or in memory for as long as it runs.
 * @throws StreamError `ledger-failed`
 * @example const ledger = openLedger('/var/lib/streampay/ledger.db')
 */
export const openLedger = (path: ':memory:' | (string & {})): Ledger =>
  path === ':memory:' ? new MemoryLedger() : new SqliteLedger(path)

/**
 * The buyer's book, in a SQLite file that processes of one user may share, or in memory for as long as this one runs.
 * @throws StreamError `ledger-failed`
 * @example const journal = openJournal(':memory:')
 */
export const openJournal = (path: ':memory:' | (string & {})): Journal =>
  path === ':memory:' ? new MemoryJournal() : new SqliteJournal(path)

export type * from './journal.ts'
export type {
  AgreementRecord,
  InvoiceRecord,
  Ledger,
  NewReturn,
  Owed,
  ReturnDelay,
  ReturnRecord,
  Settled,
} from './ledger.ts'
export type { AnyLimit, CallerLimits, KeptLimit, LimitName, Limits, LimitUse } from './limits.ts'
export { ofCaller } from './ofCaller.ts'
