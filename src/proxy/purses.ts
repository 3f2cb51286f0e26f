import { type Buyer, createBuyer } from '../buyer/buyer.ts'
import { type Recovery, recover } from '../buyer/journal/recover.ts'
import type { PrepaidSummary } from '../buyer/schemes/held.ts'
import type { Closing } from '../buyer/trade/closing.ts'
import type { TradeSummary } from '../buyer/trade/summary.ts'
import { type StreamError, toStreamError } from '../errors/error.ts'
import type { Journal, JournalAgreement } from '../ledger/journal.ts'
import type { CallerLimits, LimitUse } from '../ledger/limits.ts'
import { ofCaller } from '../ledger/ofCaller.ts'
import type { LightningNode } from '../lightning/node.ts'
import { MAX_MSAT, type Msat, min } from '../money/msat.ts'
import { type Price, parsePrice } from '../money/price.ts'
import { bothLimits } from '../terms/strategy.ts'
import type { SchemeName } from '../wire/challenges.ts'
import type { Caller, Callers } from './callers.ts'

export interface PursesOptions {
  readonly node: Promise<LightningNode>
  readonly journal: Journal
  readonly callers: Callers
  /** What sends the buyers' requests. */
  readonly fetch: typeof globalThis.fetch
  /** What each caller may spend while the process runs, unless it has limits of its own. */
  readonly max: Msat
  readonly maxPrice?: readonly Price[]
  readonly ahead: Msat
  /** What may be paid by, the most wanted first. */
  readonly schemes: readonly SchemeName[]
  /** The most to pay in one piece before anything comes, to sellers that want it so. */
  readonly maxRisk: Msat
  readonly maxFeePercent: number
  /** Pays over plain http to other machines too. */
  readonly insecure: boolean
  /** An agreement that nobody used for so long is closed, and its balance comes back. In ms. */
  readonly idleMs: number
  readonly onEvent: (event: PurseEvent) => void
}

export type PurseEvent =
  | { readonly type: 'limit-near'; readonly caller: string; readonly use: LimitUse }
  | { readonly type: 'closed'; readonly caller: string; readonly trade: TradeSummary; readonly closing: Closing }
  /** Something was prepaid, or is used up or closed. */
  | { readonly type: 'prepaid'; readonly caller: string; readonly prepaid: PrepaidSummary }
  | { readonly type: 'trouble'; readonly caller: string; readonly error: StreamError; readonly agreement: string }

/** One agreement in use, and whose it is. */
export interface CallersTrade {
  readonly caller: string
  readonly trade: TradeSummary
}

/** What was prepaid, and whose it is. */
export interface CallersPrepaid {
  readonly caller: string
  readonly prepaid: PrepaidSummary
}

const LOOK_MS = 2000
/** Longer than a closing may take, so that the process ends whatever a seller does. */
const RECOVER_WITHIN_MS = 60_000

/**
 * A buyer for each caller, made when it first pays. They share the node, the journal and its limits; agreements, balances and budgets are each
 * caller's own.
 */
export class Purses {
  readonly #options: PursesOptions
  readonly #buyers = new Map<string, { readonly name: string; readonly buyer: Buyer }>()
  /** Since when an agreement is as it was, by its id. */
  readonly #still = new Map<string, { readonly mark: string; readonly sinceMs: number }>()
  /** Of callers that were taken away. */
  readonly #closing = new Set<Promise<void>>()
  readonly #looking: ReturnType<typeof setInterval>

  constructor(options: PursesOptions) {
    this.#options = options
    this.#looking = setInterval(() => this.#closeIdle(), Math.min(LOOK_MS, options.idleMs))
    this.#looking.unref()
  }

  /** What the owner buys is bought by nobody in particular. */
  of({ name, isOwner, limits }: Caller): Buyer {
    const known = isOwner ? 'anyone' : name
    const hasOwn = limits.max !== undefined || limits.perDay !== undefined
    const { maxPrice, ahead, maxRisk } = limits
    const key = [known, hasOwn, ahead ?? '', maxRisk ?? '', maxPrice ?? ''].join('/')
    const found = this.#buyers.get(key)
    if (found) return found.buyer
    const buyer = this.#open(known, hasOwn ? MAX_MSAT : this.#options.max, limits)
    this.#buyers.set(key, { name: known, buyer })
    return buyer
  }

  get trades(): readonly CallersTrade[] {
    return [...this.#buyers.values()].flatMap(({ name, buyer }) =>
      buyer.trades.map((trade) => ({ caller: name, trade })),
    )
  }

  get prepaid(): readonly CallersPrepaid[] {
    return [...this.#buyers.values()].flatMap(({ name, buyer }) =>
      buyer.prepaid.map((prepaid) => ({ caller: name, prepaid })),
    )
  }

  /** Closes a session that this process uses; `undefined` if it uses no such one. @throws StreamError of the seller, `seller-unreachable` */
  async closeSession(id: string): Promise<PrepaidSummary | undefined> {
    for (const { buyer } of this.#buyers.values()) {
      const closed = await buyer.closeSession(id)
      if (closed) return closed
    }
    return undefined
  }

  /**
   * Closes an agreement that this process uses, with what runs on it; `undefined` if it uses no such one.
   * @param caller whose it must be; anybody's by default
   * @throws StreamError `seller-unreachable`, `statement-invalid`
   */
  async closeAgreement(id: string, caller?: string): Promise<Closing | undefined> {
    for (const { name, buyer } of this.#buyers.values()) {
      const trade = buyer.trades.find(({ agreement }) => agreement === id)
      if (!trade || (caller !== undefined && caller !== name)) continue
      const closing = await buyer.closeAgreement(id)
      if (closing)
        this.#options.onEvent({ type: 'closed', caller: name, trade: this.#tradeOf(buyer, id) ?? trade, closing })
      return closing
    }
    return undefined
  }

  /** Takes up what a proxy that was killed left: follows its payments, closes its agreements and takes their balances back. */
  async recover(signal: AbortSignal): Promise<Recovery> {
    const { journal, fetch, node } = this.#options
    // Agreements without a caller are other commands', left open perhaps on purpose.
    const takes = ({ caller }: JournalAgreement): boolean => caller !== undefined
    return recover({ node: await node, journal, fetch, close: true, takes, withinMs: RECOVER_WITHIN_MS, signal })
  }

  /** Ends all agreements, and tells what came of each. */
  async close(): Promise<void> {
    clearInterval(this.#looking)
    await Promise.all([...this.#buyers.values()].map((one) => this.#close(one)).concat(...this.#closing))
  }

  async #close({ name, buyer }: { readonly name: string; readonly buyer: Buyer }): Promise<void> {
    const told = new Set(buyer.closings)
    let failure: unknown
    await buyer.close().catch((error) => {
      failure = error
    })
    for (const closing of buyer.closings) {
      const trade = this.#tradeOf(buyer, closing.agreement)
      if (trade && !told.has(closing)) this.#options.onEvent({ type: 'closed', caller: name, trade, closing })
    }
    if (failure === undefined) return
    this.#options.onEvent({ type: 'trouble', caller: name, error: toStreamError(failure), agreement: '' })
  }

  #open(name: string, max: Msat, own: CallerLimits): Buyer {
    const { node, journal, callers, fetch, maxPrice = [], ahead, schemes, maxRisk } = this.#options
    const { maxFeePercent, insecure, onEvent } = this.#options
    const ownPrices = own.maxPrice?.split(',').map((price) => parsePrice(price)) ?? []
    const limits = () => (name === 'anyone' ? {} : callers.list().find((caller) => caller.name === name)?.limits)
    return createBuyer({
      node,
      journal: ofCaller(journal, name, limits),
      fetch,
      max,
      ahead: own.ahead === undefined ? ahead : min(own.ahead, ahead),
      maxRisk: own.maxRisk === undefined ? maxRisk : min(own.maxRisk, maxRisk),
      schemes,
      maxFeePercent,
      insecure,
      maxPrice: bothLimits(maxPrice, ownPrices),
      onLimitNear: (use) => onEvent({ type: 'limit-near', caller: name, use }),
      onPrepaid: (prepaid) => onEvent({ type: 'prepaid', caller: name, prepaid }),
    })
  }

  #tradeOf = (buyer: Buyer, id: string): TradeSummary | undefined =>
    buyer.trades.find(({ agreement }) => agreement === id)

  /** A caller that was taken away gets back what it had ahead, and is forgotten. */
  #closeGone(): void {
    const known = new Set(this.#options.callers.list().map(({ name }) => name))
    for (const [key, one] of this.#buyers) {
      if (one.name === 'anyone' || known.has(one.name) || isBusy(one.buyer)) continue
      this.#buyers.delete(key)
      const closing = this.#close(one).finally(() => this.#closing.delete(closing))
      this.#closing.add(closing)
    }
  }

  #closeIdle(): void {
    this.#closeGone()
    const seen = new Set<string>()
    for (const { caller, trade } of this.trades) {
      if (trade.state === 'closed') continue
      const { agreement, active, bytes, payments } = trade
      seen.add(agreement)
      if (this.#hasIdled(agreement, `${bytes}/${payments}`, active)) {
        this.#end(caller, agreement, this.closeAgreement(agreement))
      }
    }
    for (const { caller, prepaid } of this.prepaid) {
      const { agreement, active, uses, payments, scheme, state } = prepaid
      if (scheme !== 'session' || state === 'closed') continue
      seen.add(agreement)
      if (this.#hasIdled(agreement, `${uses}/${payments}`, active)) {
        // One that cannot be closed is tried again when it has idled as long once more.
        this.#still.delete(agreement)
        this.#end(caller, agreement, this.closeSession(agreement))
      }
    }
    for (const id of this.#still.keys()) if (!seen.has(id)) this.#still.delete(id)
  }

  /** Whether nothing changed for so long, by what `mark` says of it. */
  #hasIdled(agreement: string, mark: string, active: number): boolean {
    const now = performance.now()
    const still = this.#still.get(agreement)
    if (still && still.mark === mark && active === 0) return now - still.sinceMs >= this.#options.idleMs
    this.#still.set(agreement, { mark, sinceMs: now })
    return false
  }

  #end(caller: string, agreement: string, closing: Promise<unknown>): void {
    closing.catch((error) => this.#options.onEvent({ type: 'trouble', caller, error: toStreamError(error), agreement }))
  }
}

/** Something runs on what it has agreed on. */
const isBusy = ({ trades, prepaid }: Buyer): boolean =>
  trades.some(({ active }) => active > 0) || prepaid.some(({ active }) => active > 0)
