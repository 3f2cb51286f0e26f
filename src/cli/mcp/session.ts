import { Budget } from '../../buyer/budget.ts'
import { type Buyer, createBuyer } from '../../buyer/buyer.ts'
import type { PrepaidSummary } from '../../buyer/schemes/held.ts'
import type { Closing } from '../../buyer/trade/closing.ts'
import type { TradeSummary } from '../../buyer/trade/summary.ts'
import { StreamError } from '../../errors/error.ts'
import type { Journal } from '../../ledger/index.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { type Msat, min, msat } from '../../money/msat.ts'
import type { Price } from '../../money/price.ts'
import { type BuyerStrategy, bothLimits } from '../../terms/strategy.ts'
import type { SchemeName } from '../../wire/challenges.ts'
import { checkHost, type HostRules } from './hosts.ts'
import { readStop, type Stop, writeStop } from './stopMark.ts'

/** What the person allowed, when the server was started. Nothing that an agent says changes it. */
export interface Allowed extends HostRules {
  /** In all, for this server, routing included. */
  readonly max: Msat
  /** At all hosts in any 24 hours, over all that share the journal. */
  readonly perDay?: Msat | undefined
  readonly maxPrice: readonly Price[]
  readonly ahead: Msat
  /** What may be paid by, the most wanted first. */
  readonly schemes: readonly SchemeName[]
  /** The most to pay in one piece before anything comes. */
  readonly maxRisk: Msat
  readonly maxFeePercent: number
  readonly isInsecure: boolean
}

/** A purchase of the agent's. */
export interface Purchase {
  readonly buyer: Buyer
  /** Aborts when the call is cancelled, or spending is stopped. */
  readonly signal: AbortSignal
  /** Closes what was agreed, unless it is to be kept, and gives back to the budget what came back. */
  end(keep?: boolean): Promise<readonly Closing[]>
}

export interface Order {
  /** The most for this purchase; what is left of the budget without. */
  readonly max?: Msat | undefined
  readonly strategy: BuyerStrategy
  /** The most that the agent accepts for a unit, besides what the person does; nothing by default. A strategy is not asked about what is prepaid. */
  readonly maxPrice?: readonly Price[]
  readonly signal: AbortSignal
}

const MAX_AT_ONCE = 16
const STOP_LOOK_MS = 250

/** One agent's purchases: one budget over all of them, and one switch that ends them. */
export class AgentSession {
  readonly allowed: Allowed
  readonly journal: Journal
  readonly #openNode: () => Promise<LightningNode>
  readonly #budget: Budget
  readonly #running = new Map<Buyer, { readonly abort: AbortController; readonly ended: Promise<void> }>()
  readonly #timer: ReturnType<typeof setInterval>
  #node: Promise<LightningNode> | undefined
  #isClosed = false

  constructor(allowed: Allowed, journal: Journal, openNode: () => Promise<LightningNode>) {
    this.allowed = allowed
    this.journal = journal
    this.#openNode = openNode
    this.#budget = new Budget(allowed.max)
    // Another process may stop it: a person's terminal, or another agent's server.
    this.#timer = setInterval(() => {
      const stop = this.#running.size > 0 ? readStop() : undefined
      if (stop) this.#abortAll(stopped(stop))
    }, STOP_LOOK_MS).unref()
  }

  get spent(): Msat {
    return this.#budget.spent
  }

  get left(): Msat {
    return this.#budget.left
  }

  get stop(): Stop | undefined {
    return readStop()
  }

  /** What is being bought now. */
  get trades(): readonly TradeSummary[] {
    return [...this.#running.keys()].flatMap(({ trades }) => trades)
  }

  /** What was prepaid for what is being bought now. */
  get prepaid(): readonly PrepaidSummary[] {
    return [...this.#running.keys()].flatMap(({ prepaid }) => prepaid)
  }

  /** @throws StreamError `host-refused`, `seller-unreachable` */
  check(url: string): Promise<void> {
    return checkHost(url, this.allowed)
  }

  /**
   * Begins a purchase. Whatever it pays is taken from the session's budget before it is sent.
   * @throws StreamError `spending-stopped`, `budget-exhausted`, `too-many-streams`
   */
  begin({ max, strategy, maxPrice = [], signal }: Order): Purchase {
    const stop = readStop()
    if (stop) throw stopped(stop)
    if (this.#isClosed) throw new StreamError('interrupted', 'the server is ending')
    if (this.#running.size >= MAX_AT_ONCE) {
      throw new StreamError('too-many-streams', `${MAX_AT_ONCE} purchases are under way`)
    }
    const { perDay, ahead, schemes, maxRisk, maxFeePercent, isInsecure } = this.allowed
    const buyer = createBuyer({
      node: this.#nodeNow(),
      journal: this.journal,
      max: min(max ?? this.left, this.left),
      within: this.#budget,
      ahead,
      maxFeePercent,
      insecure: isInsecure,
      strategy,
      maxPrice: bothLimits(this.allowed.maxPrice, maxPrice),
      schemes,
      maxRisk,
      ...(perDay !== undefined && { limits: { day: perDay } }),
    })
    const abort = new AbortController()
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    this.#running.set(buyer, { abort, ended })
    const end = async (keep = false) => {
      try {
        const closings = await buyer.close({ keep })
        this.#cameBack(closings, buyer)
        return closings
      } finally {
        this.#running.delete(buyer)
        resolve()
      }
    }
    return { buyer, signal: AbortSignal.any([signal, abort.signal]), end }
  }

  /**
   * Ends all purchases, and lets no other begin until a person allows it. Resolves when what was open is closed.
   * @throws StreamError `ledger-failed` if that cannot be written; what runs is ended all the same
   */
  async stopSpending(reason: string): Promise<{ readonly stop: Stop; readonly ended: number }> {
    const running = [...this.#running.values()]
    try {
      const stop = writeStop(reason)
      this.#abortAll(stopped(stop))
      await Promise.all(running.map(({ ended }) => ended))
      return { stop, ended: running.length }
    } catch (error) {
      this.#isClosed = true
      this.#abortAll(new StreamError('spending-stopped', 'spending was stopped'))
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    const running = [...this.#running.values()]
    this.#abortAll(new StreamError('interrupted', 'the server is ending'))
    await Promise.all(running.map(({ ended }) => ended))
    await this.journal.end()
    await (await this.#node?.catch(() => undefined))?.close()
  }

  #abortAll(reason: StreamError): void {
    for (const { abort } of this.#running.values()) abort.abort(reason)
  }

  /** What a purchase paid ahead and has back was not spent. Only the own node's word counts, and never for more than was paid. */
  #cameBack(closings: readonly Closing[], { spent, prepaid }: Buyer): void {
    const back = closings.reduce((sum, { returned, amount }) => (returned === 'settled' ? sum + amount : sum), 0n)
    this.#budget.giveBack(min(msat(back + refunded(prepaid)), spent))
  }

  /** Opened at the first purchase; one that could not be is tried again at the next. */
  #nodeNow(): Promise<LightningNode> {
    if (!this.#node) {
      const opening = this.#openNode()
      this.#node = opening
      opening.catch(() => {
        if (this.#node === opening) this.#node = undefined
      })
    }
    return this.#node
  }
}

/** What came back of sessions, by the own node's word. */
export const refunded = (prepaid: readonly PrepaidSummary[]): bigint =>
  prepaid.reduce((sum, { refund }) => (refund?.status === 'settled' ? sum + refund.amount : sum), 0n)

const stopped = ({ at, reason }: Stop): StreamError =>
  new StreamError('spending-stopped', `spending was stopped${at && ` at ${at}`}${reason && `: ${reason}`}`)
