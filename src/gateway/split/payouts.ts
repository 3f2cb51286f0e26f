import { toStreamError } from '../../errors/error.ts'
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
  readonly recipients: ReadonlyMap<string, Recipient>
  readonly onEvent?: (event: PayoutEvent) => void
  readonly onError?: (error: Error) => void
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
    await Promise.all([...this.#parts.recipients].map(([name, recipient]) => this.#one(name, recipient)))
  }

  /** Starts nothing more, and waits for what runs. What is in flight is looked up by the next run. */
  async close(): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    await Promise.all(this.#running.values())
  }

  /** One step at a time for a recipient: two would look at the same balance. */
  #one(name: string, recipient: Recipient): Promise<void> {
    const known = this.#running.get(name)
    if (known) return known
    const run = this.#advance(name, recipient)
      .catch((error: unknown) => {
        this.#putOff(name, 0)
        if (!this.#ended) this.#parts.onError?.(toStreamError(error))
      })
      .finally(() => this.#running.delete(name))
    this.#running.set(name, run)
    return run
  }

  async #advance(name: string, recipient: Recipient): Promise<void> {
    const { store } = this.#parts
    const isWanted = store.takeWanted(name)
    if (this.#ended || (!isWanted && this.#now() < (this.#notBeforeMs.get(name) ?? 0))) return
    const pending = store.pending(name)
    if (pending) return this.#follow(pending)
    const booked = await this.#book(name, recipient, isWanted)
    if (booked) await this.#pay(booked)
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
