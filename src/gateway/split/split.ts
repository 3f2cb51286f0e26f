import { existsSync } from 'node:fs'
import { StreamError } from '../../errors/error.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { parseMsat, sat } from '../../money/msat.ts'
import type { Seller, SellerEvent } from '../../seller/seller.ts'
import type { RecipientConfig } from '../config/schema.ts'
import { Earnings, type SplitsByRoute } from './earnings.ts'
import { type PayoutEvent, Payouts, type Recipient } from './payouts.ts'
import { PayoutStore, type Standing } from './store.ts'

/** What is needed of a recipient's node. */
export type RecipientNode = Pick<LightningNode, 'createInvoices' | 'close'>

export interface SplitParts {
  /** The file of what recipients have earned, beside the seller's ledger; without one nothing can be split. */
  readonly path: string | undefined
  readonly openNode: (spec: string) => Promise<RecipientNode>
  readonly onEvent: (event: PayoutEvent) => void
  readonly onError: (error: unknown) => void
}

/** Small payouts would cost more in routing than they are worth. */
const THRESHOLD = sat(100)
const INTERVAL_MS = 60_000

/**
 * What a seller's routes owe to the recipients of their splits. It exists for every seller, and opens its book when a route is split or was
 * split once: what is owed then stays owed.
 */
export class Split {
  readonly #parts: SplitParts
  readonly #recipients = new Map<string, Recipient>()
  #open: { readonly store: PayoutStore; readonly earnings: Earnings } | undefined
  #payouts: Payouts | undefined
  #starting: Promise<void> | undefined
  #ended = false

  /** To be made before its seller. @throws StreamError `ledger-failed` */
  constructor(parts: SplitParts) {
    this.#parts = parts
    if (parts.path !== undefined && existsSync(parts.path)) this.open()
  }

  /** @throws StreamError `config-invalid` where there is no place for a book, `ledger-failed` */
  open(): void {
    if (this.#open) return
    const { path, onError } = this.#parts
    if (path === undefined) throw new StreamError('config-invalid', 'nothing here keeps the book that a split needs')
    const store = new PayoutStore(path)
    this.#open = { store, earnings: new Earnings(store, onError) }
  }

  /** To be handed every event of the seller. @throws StreamError `ledger-failed` */
  onEvent(event: SellerEvent): void {
    this.#open?.earnings.onEvent(event)
  }

  /** Divides by `splits` what agreements earn that are made from now on, and pays to `recipients`. */
  configure(splits: SplitsByRoute, recipients: Readonly<Record<string, RecipientConfig>>): void {
    if (!this.#open) return
    const { store, earnings } = this.#open
    earnings.splits = splits
    this.#recipients.clear()
    for (const [name, { node, threshold, interval = INTERVAL_MS }] of Object.entries(recipients)) {
      const createInvoices: Recipient['node']['createInvoices'] = async (requests) =>
        (await this.#parts.openNode(node)).createInvoices(requests)
      const least = threshold === undefined ? THRESHOLD : parseMsat(threshold)
      this.#recipients.set(name, { node: { createInvoices }, threshold: least, intervalMs: interval })
    }
    const names = [...this.#recipients.keys(), ...[...splits.values()].flatMap((weights) => [...weights.keys()])]
    try {
      store.name(new Map(names.map((name) => [name, { kept: !this.#recipients.has(name) }])))
    } catch (error) {
      // Only for whoever reads the book: no payout depends on it.
      this.#parts.onError(error)
    }
  }

  /** Books what an earlier run left, and begins to pay; once, and only where there is a book. */
  start(seller: Seller): void {
    if (!this.#open || this.#starting) return
    const { store, earnings } = this.#open
    const { onEvent, onError } = this.#parts
    this.#starting = (async () => {
      const { node } = await seller.ready()
      await earnings.start(seller)
      if (this.#ended) return
      this.#payouts = new Payouts({ store, node, recipients: this.#recipients, onEvent, onError })
      this.#payouts.start()
    })()
    // A seller that cannot start says so itself.
    this.#starting.catch((error) =>
      seller.ready().then(
        () => onError(error),
        () => {},
      ),
    )
  }

  /** How its recipients stand, the seller's own part included. @throws StreamError `ledger-failed` */
  get standings(): readonly Standing[] {
    return this.#open?.store.standings() ?? []
  }

  async close(): Promise<void> {
    this.#ended = true
    await this.#starting?.catch(() => {})
    await this.#payouts?.close()
    await this.#open?.earnings.settled()
    const open = this.#open
    // What is told after this is booked by the next start.
    this.#open = undefined
    open?.store.close()
  }
}
