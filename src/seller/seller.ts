import { StreamError, toStreamError } from '../errors/error.ts'
import { openLedger } from '../ledger/index.ts'
import type { InvoiceRecord, Ledger } from '../ledger/ledger.ts'
import type { LightningNode, NodeInfo, Settlement } from '../lightning/node.ts'
import type { Msat } from '../money/msat.ts'
import { comparePrices, formatPrice, type Price } from '../money/price.ts'
import type { Account } from './account.ts'
import { Accounts } from './accounts.ts'
import { resumeReturns } from './returns.ts'

/** What happens at a seller, for panels and logs. Nothing secret is in it. */
export type SellerEvent =
  | { readonly type: 'opened' | 'paid' | 'delivering' | 'delivered' | 'closed' | 'returned'; readonly account: Account }
  | { readonly type: 'error'; readonly error: StreamError }

export interface SellerOptions {
  /** The node that is paid, or a promise of it. */
  readonly node: LightningNode | Promise<LightningNode>
  /** Where agreements are kept; in memory by default, and then they end with the process. */
  readonly ledger?: Ledger
  /** At least 32 bytes, the same after a restart if the ledger is kept. Random by default. */
  readonly secret?: Uint8Array
  /** Protection space in challenges. */
  readonly realm?: string
  /** How many agreements may wait for their first payment at once. */
  readonly maxUnpaidAgreements?: number
  readonly onEvent?: (event: SellerEvent) => void
}

/** An agreement that nobody paid for this long is forgotten; its invoices have expired by then. */
export const UNPAID_LIFE_MS = 900_000
export const INVOICE_LIFE_SECONDS = 600
const SWEEP_MS = 60_000
const RETRY_MS = 1000

/** What all walls of a seller share: the node, the ledger, the accounts, and the word of the node on what was paid. */
export class Seller {
  readonly accounts: Accounts
  readonly ledger: Ledger
  readonly secret: Uint8Array
  readonly realm: string
  readonly maxUnpaidAgreements: number
  readonly #onEvent: (event: SellerEvent) => void
  readonly #started: Promise<{ readonly node: LightningNode; readonly info: NodeInfo }>
  #settling: Promise<void> = Promise.resolve()
  #unsubscribe: () => void = () => {}
  #failed: StreamError | undefined
  #ended = false
  readonly #scopes = new Map<string, Price>()
  readonly #sweeper: ReturnType<typeof setInterval>

  constructor(options: SellerOptions) {
    this.ledger = options.ledger ?? openLedger(':memory:')
    this.secret = options.secret ?? crypto.getRandomValues(new Uint8Array(32))
    this.realm = options.realm ?? 'stream'
    this.maxUnpaidAgreements = options.maxUnpaidAgreements ?? 1000
    this.accounts = new Accounts(this.ledger, this.secret)
    this.#onEvent = options.onEvent ?? (() => {})
    this.#started = this.#start(options.node)
    this.#started.catch((error) => this.#fail(error))
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS)
    this.#sweeper.unref?.()
  }

  /** The node and what it said of itself when the seller started. @throws StreamError `node-…` */
  ready(): Promise<{ readonly node: LightningNode; readonly info: NodeInfo }> {
    return this.#started
  }

  /** @throws the StreamError that keeps this seller from taking money */
  check(): void {
    if (this.#failed) throw this.#failed
  }

  /**
   * Names what an agreement at this price opens. One scope has one price: an agreement made for something cheap must never
   * open something dear.
   * @throws StreamError `option-invalid` if the scope has another price already
   */
  claimScope(price: Price, wanted?: string): string {
    const scope = wanted ?? `/${formatPrice(price).replaceAll(' ', '-')}`
    const known = this.#scopes.get(scope)
    if (known && (known.unit !== price.unit || comparePrices(known, price) !== 0)) {
      throw new StreamError('option-invalid', `the scope ${scope} is sold for ${formatPrice(known)} already`)
    }
    this.#scopes.set(scope, price)
    return scope
  }

  emit(event: SellerEvent): void {
    this.#onEvent(event)
  }

  /**
   * Mints invoices for an agreement.
   * @throws StreamError `node-…`
   */
  async mint(agreementId: string, amounts: readonly Msat[]): Promise<{ requests: string[]; records: InvoiceRecord[] }> {
    if (amounts.length === 0) return { requests: [], records: [] }
    const { node } = await this.ready()
    const invoices = await node.createInvoices(
      amounts.map((amount) => ({
        amount,
        description: `stream ${agreementId}`,
        expiresInSeconds: INVOICE_LIFE_SECONDS,
      })),
    )
    const expiresAtMs = Date.now() + INVOICE_LIFE_SECONDS * 1000
    return {
      requests: invoices.map(({ request }) => request),
      records: invoices.map(({ paymentHash }, i) => ({ paymentHash, amount: amounts[i]!, expiresAtMs })),
    }
  }

  /** Ends the seller. The node and the ledger are the caller's to close. */
  async close(): Promise<void> {
    this.#ended = true
    clearInterval(this.#sweeper)
    this.#unsubscribe()
    await this.#settling
    await this.accounts.save().catch((error) => this.#report(error))
  }

  async #start(given: LightningNode | Promise<LightningNode>) {
    const node = await given
    const info = await node.info()
    const since = await this.ledger.settlementIndex()
    await resumeReturns(node, this.ledger).catch((error) => this.#report(error))
    if (!this.#ended) {
      // Whether something was paid is the node's word alone, from where the ledger left off.
      this.#unsubscribe = node.subscribeSettlements(
        since,
        (settlement) => this.#queue(settlement),
        (error) => this.#report(error),
      )
    }
    return { node, info }
  }

  #queue(settlement: Settlement): void {
    this.#settling = this.#settling.then(() => this.#settle(settlement))
  }

  /** Books one settlement, in order; while the ledger cannot be written no money is asked for, and none is forgotten. */
  async #settle(settlement: Settlement): Promise<void> {
    while (!this.#ended) {
      try {
        const account = await this.accounts.settle(settlement)
        this.#failed = undefined
        if (account) this.emit({ type: 'paid', account })
        return
      } catch (error) {
        this.#fail(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  #fail(error: unknown): void {
    this.#failed = toStreamError(error)
    this.#report(error)
  }

  #report(error: unknown): void {
    this.emit({ type: 'error', error: toStreamError(error) })
  }

  async #sweep(): Promise<void> {
    const now = Date.now()
    try {
      await this.accounts.sweep(now)
      await this.ledger.pruneUnpaid(now - UNPAID_LIFE_MS)
    } catch (error) {
      // The next sweep tries again; selling goes on meanwhile.
      this.#report(error)
    }
  }
}
