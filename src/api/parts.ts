import type { PrepaidSummary } from '../buyer/schemes/held.ts'
import type { Closing } from '../buyer/trade/closing.ts'
import type { Journal } from '../ledger/journal.ts'
import type { LightningNode } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import type { CallerBook } from './caller.ts'
import type { LocalEvents } from './events.ts'
import type { InvoiceOwners } from './invoiceOwners.ts'

/** What the process that mounts the API lends it. None of it is ended by the API. */
export interface LocalApiParts {
  readonly version: string
  readonly node: LightningNode
  /** The owner's: everything that is paid is in it. Each caller gets its own view of it. */
  readonly journal: Journal
  readonly callers: CallerBook
  readonly events: LocalEvents
  readonly invoices: InvoiceOwners
  /**
   * Ends an agreement that this process is buying on, and says how it ended; `undefined` if it is on none such. Without it, or then, the
   * agreement is closed as `streampay recover --close` does.
   */
  readonly closeTrade?: (agreementId: string) => Promise<Closing | undefined>
  /** As `closeTrade`, for a session that was opened by a deposit. */
  readonly closeSession?: (agreementId: string) => Promise<PrepaidSummary | undefined>
  /** Asks sellers for prices and closes agreements; whom it will not ask, it refuses. The default is `globalThis.fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /**
   * What a caller that has neither `max` nor `perDay` of its own may spend while this process runs, with all that is paid for it otherwise. No
   * bound by default.
   */
  readonly maxEach?: Msat
  /** Pays nothing, whatever is asked. */
  readonly dryRun?: boolean
  /** How long a payment is tried, and then its outcome asked after, in ms. 60 s by default. */
  readonly paymentTimeoutMs?: number
}
