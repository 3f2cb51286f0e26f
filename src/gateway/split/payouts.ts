import { type StreamError, toStreamError } from '../../errors/error.ts'
import type { LightningNode, PaymentOutcome } from '../../lightning/node.ts'
import { type Msat, msat, ZERO } from '../../money/msat.ts'
import type { Payout, PayoutStore } from './store.ts'

export interface Recipient {
  /** Makes the invoices; a promise of it, so that a wallet that is away delays its own payouts alone. */
  readonly node: Pick<LightningNode, 'createInvoices'>
  /** No payout is smaller. */
  readonly threshold: Msat
  /** At least so long between two payouts. */
  readonly intervalMs: number
}

export type PayoutEvent = {
  readonly type: 'payout-settled' | 'payout-delayed' | 'payout-failed'
  readonly payout: Payout
}

export interface PayoutsParts {
  readonly store: PayoutStore
  /** Pays: the node that earned the money. */
  readonly node: LightningNode
  /** Read anew at each look: it may change. A payout of one that is gone from it is brought to its end all the same. */
  readonly recipients: ReadonlyMap<string, Recipient>
  readonly onEvent?: (event: PayoutEvent) => void
  /** Told once for each reason, until something succeeds. */
  readonly onError?: (error: StreamError) => void
  readonly nowMs?: () => number
  readonly lookMs?: number
}

const LOOK_MS = 2000
const FIRST_DELAY_MS = 1000
const LONGEST_DELAY_MS = 300_000
const ATTEMPT_MS = 30_000
const INVOICE_SECONDS = 3600
/** An invoice that expired so long ago is paid by no node any more, whoever's clock is right. */
const EXPIRY_MARGIN_MS = 60_000
const SAT = 1000n
/** What is in flight at the end is looked up by the next run: nothing is lost by leaving it. */
const CLOSE_MS = 3000

/** The platform bears the routing of a payout, up to 0.5 % and a sat. */
const feeCap = (amount: Msat): Msat => msat(amount / 200n + 1000n)

/**
 * Pays recipients what they are owed.
 *
 * Invariant: a payout is on the disk before it is handed to the node, and it is handed to it only when the node has just said that
 * nothing of its hash is in flight or settled; it counts as paid until it has failed for good. So it is paid once, whatever is killed when.
 */
export class Payouts {
  readonly #parts: PayoutsParts
  /** Not before this time is a recipient's payout tried again. */
  readonly #notBeforeMs = new Map<string, number>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #troubles = new Map<string, { readonly message: string; readonly count: number }>()
  #timer: ReturnType<typeof setInterval> | undefined
  #ended = false

  constructor(parts: PayoutsParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(() => void this.round(), this.#parts.lookMs ?? LOOK_MS)
    this.#timer.unref?.()
    void this.round()
  }

  /** Takes one step for every recipient that is due. Resolves when all have taken it. */
  async round(): Promise<void> {
    const { recipients, store } = this.#parts
    const names = new Set([...recipients.keys(), ...store.allPending()])
    await Promise.all([...names].map((name) => this.#one(name)))
  }

  /** Starts nothing more, and waits a moment for what runs. */
  async close(): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    let timer: ReturnType<typeof setTimeout> | undefined
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([Promise.all(this.#running.values()), enough])
    clearTimeout(timer)
  }

  /** One step at a time for a recipient: two would look at the same balance. */
  #one(name: string): Promise<void> {
    const known = this.#running.get(name)
    if (known) return known
    const run = this.#advance(name)
      .then(
        (stepped) => void (stepped && this.#troubles.delete(name)),
        (error: unknown) => this.#failed(name, toStreamError(error)),
      )
      .finally(() => this.#running.delete(name))
    this.#running.set(name, run)
    return run
  }

  #failed(name: string, error: StreamError): void {
    const before = this.#troubles.get(name)
    const count = before?.count ?? 0
    this.#putOff(name, count)
    this.#troubles.set(name, { message: error.message, count: count + 1 })
    if (!this.#ended && error.message !== before?.message) this.#parts.onError?.(error)
  }

  /** Returns whether there was a step to take. */
  async #advance(name: string): Promise<boolean> {
    const { store, recipients } = this.#parts
    const isWanted = store.takeWanted(name)
    if (this.#ended || (!isWanted && this.#now() < (this.#notBeforeMs.get(name) ?? 0))) return false
    const pending = store.pending(name)
    if (pending) {
      await this.#follow(pending)
      return true
    }
    const recipient = recipients.get(name)
    const booked = recipient && (await this.#book(name, recipient, isWanted))
    if (booked) await this.#pay(booked)
    return booked !== undefined
  }

  /** Books a payout of all whole sats that are owed, if that is due. */
  async #book(name: string, recipient: Recipient, isWanted: boolean): Promise<Payout | undefined> {
    const { store } = this.#parts
    const owed = store.owed(name)
    // Not every wallet makes invoices of a part of a sat.
    const amount = msat(owed - (owed % SAT))
    const isDue = amount >= recipient.threshold && this.#now() - store.lastAtMs(name) >= recipient.intervalMs
    if (amount === ZERO || !(isDue || isWanted)) return undefined
    const [invoice] = await recipient.node.createInvoices([
      { amount, description: `payout to ${name}`, expiresInSeconds: INVOICE_SECONDS },
    ])
    const createdAtMs = this.#now()
    const expiresAtMs = createdAtMs + INVOICE_SECONDS * 1000
    const payout = { ...invoice!, recipient: name, amount, createdAtMs, expiresAtMs }
    if (this.#ended || !store.add(payout)) return undefined
    return store.pending(name)
  }

  /** A payout of which nobody in this process knows whether it was sent. */
  async #follow(payout: Payout): Promise<void> {
    const earlier = await this.#parts.node.lookupPayment(payout.paymentHash)
    if (earlier && earlier.status !== 'failed') return this.#conclude(payout, earlier)
    const overMs = this.#now() - payout.expiresAtMs
    if (overMs >= EXPIRY_MARGIN_MS) return this.#fail(payout)
    if (overMs < 0 && !this.#ended) await this.#pay(payout)
  }

  async #pay(payout: Payout): Promise<void> {
    const { request, amount } = payout
    await this.#conclude(payout, await this.#parts.node.pay({ request, maxFee: feeCap(amount), timeoutMs: ATTEMPT_MS }))
  }

  async #conclude(payout: Payout, outcome: PaymentOutcome): Promise<void> {
    const { store, onEvent } = this.#parts
    if (outcome.status === 'settled') {
      store.end(payout.paymentHash, 'settled', outcome.fee)
      this.#notBeforeMs.delete(payout.recipient)
      onEvent?.({ type: 'payout-settled', payout: { ...payout, status: 'settled', fee: outcome.fee } })
      return
    }
    const failure = outcome.status === 'failed' ? outcome.reason : 'in-flight'
    store.delay(payout.paymentHash, failure)
    if (failure === 'invoice-invalid') return this.#fail({ ...payout, failure })
    this.#putOff(payout.recipient, payout.attempts)
    if (failure !== payout.failure) onEvent?.({ type: 'payout-delayed', payout: { ...payout, failure } })
  }

  #fail(payout: Payout): void {
    const { store, onEvent } = this.#parts
    store.end(payout.paymentHash, 'failed', ZERO)
    this.#putOff(payout.recipient, payout.attempts)
    onEvent?.({ type: 'payout-failed', payout: { ...payout, status: 'failed' } })
  }

  #putOff(name: string, attempts: number): void {
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempts, 20), LONGEST_DELAY_MS)
    this.#notBeforeMs.set(name, this.#now() + delayMs)
  }

  #now(): number {
    return this.#parts.nowMs?.() ?? Date.now()
  }
}
