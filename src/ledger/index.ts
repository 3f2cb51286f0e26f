import type { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import { SqliteJournal } from './sqlite/journal.ts'
import { SqliteLedger } from './sqlite/ledger.ts'

/**
 * The seller's book in a file, or in memory for as long as the process runs.
 * @throws StreamError `ledger-failed`
 * @example const ledger = openLedger('/var/lib/streampay/ledger.db')
 */
export const openLedger = (path: string): Ledger => new SqliteLedger(path)

/**
 * The buyer's book in a file, or in memory for as long as the process runs.
 * @throws StreamError `ledger-failed`
 * @example const journal = openJournal(':memory:')
 */
export const openJournal = (path: string): Journal => new SqliteJournal(path)

export type { Journal, JournalAgreement, JournalPayment } from './journal.ts'
export type { AgreementRecord, InvoiceRecord, Ledger, ReturnRecord } from './ledger.ts'
