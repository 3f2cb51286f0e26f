import { StreamError } from '../errors/error.ts'
import type { AgreementRecord, Claim, Ledger } from '../ledger/ledger.ts'
import type { Network } from '../lightning/node.ts'
import { Gate } from '../meter/gate.ts'
import { type Msat, minus } from '../money/msat.ts'
import { costDown } from '../money/price.ts'
import type { Agreement } from '../terms/terms.ts'
import type { Statement } from '../wire/statement.ts'
import { Lease } from './lease.ts'
import { Orders } from './orders.ts'

/**
 * One agreement in the seller's memory: its gate, what the ledger was told, and who watches.
 *
 * Order of every step sold: the gate reserves it, the ledger has leased it, it leaves.
 */
export class Account {
  readonly agreement: Agreement
  /** Whom the invoice of a 402 serves; absent for an agreement of `stream`. Written by `Accounts` once the ledger has it. */
  claim: Claim | undefined
  readonly gate: Gate
  readonly orders = new Orders()
  readonly #ledger: Ledger
  readonly #lease: Lease
  readonly #nextSequence: () => bigint
  #returned: Msat
  #payments: number
  #closed: boolean
  /** The close that is under way: repeating it costs no second signature. */
  closing: Promise<string> | undefined
  readonly #watchers = new Set<() => void>()
  readonly #deliveries = new Set<{ abort(reason: unknown): void }>()
  #shutSinceMs: number | undefined
  #stallMs = 0
  halted = 0
  /** What waits for the first payment. */
  #whenPaid: (() => void)[] = []

  constructor(record: AgreementRecord, ledger: Ledger, nextSequence: () => bigint) {
    this.agreement = record.agreement
    this.claim = record.claim
    this.#ledger = ledger
    this.#nextSequence = nextSequence
    this.#returned = record.returned
    this.#payments = record.payments
    this.#closed = record.state === 'closed'
    this.gate = new Gate(record.agreement.price, record.agreement.credit, record)
    this.#lease = new Lease(ledger, record.agreement.id, this.gate)
  }

  get closed(): boolean {
    return this.#closed
  }

  get payments(): number {
    return this.#payments
  }

  get returned(): Msat {
    return this.#returned
  }

  get balance(): Msat {
    return minus(this.gate.balance, this.#returned)
  }

  /** Time for which somebody waited at the shut gate, in ms. */
  get stallMs(): number {
    return this.#stallMs + (this.#shutSinceMs === undefined ? 0 : performance.now() - this.#shutSinceMs)
  }

  get activeDeliveries(): number {
    return this.#deliveries.size
  }

  /** Somebody is being served or watches. */
  get busy(): boolean {
    return this.#deliveries.size > 0 || this.#watchers.size > 0
  }

  /**
   * Reserves steps and sees them leased, waiting for money for up to `graceMs`.
   * @throws StreamError `grace-exceeded`, or the signal's reason; `ledger-failed` if the lease cannot be written
   */
  async acquire(steps: bigint, least: bigint, graceMs: number, signal: AbortSignal): Promise<bigint> {
    const granted = this.gate.reserve(steps, least) || (await this.#wait(steps, least, graceMs, signal))
    try {
      if (!this.#lease.covers(0n)) await this.#lease.extend()
    } catch (error) {
      // They do not leave, so they are not charged.
      this.release(granted)
      throw error
    }
    return granted
  }

  /**
   * Waits until one step is covered, and reserves none: nothing leaves yet, so nothing is written.
   * @throws StreamError `grace-exceeded`, or the signal's reason
   */
  async opens(graceMs: number, signal: AbortSignal): Promise<void> {
    this.gate.release(this.gate.reserve(1n) || (await this.#wait(1n, 1n, graceMs, signal)))
  }

  /** As `acquire` when neither money nor the ledger has to be waited for; 0n otherwise, and then nothing is reserved. */
  tryAcquire(steps: bigint, least: bigint): bigint {
    return this.#lease.covers(steps) ? this.gate.reserve(steps, least) : 0n
  }

  /** Takes steps back that did not leave, or are not charged. */
  release(steps: bigint): void {
    if (steps <= 0n) return
    this.gate.release(steps)
    this.#lease.takenBack()
  }

  async #wait(steps: bigint, least: bigint, graceMs: number, signal: AbortSignal): Promise<bigint> {
    const grace = new AbortController()
    const abort = () => grace.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    const timer = setTimeout(() => grace.abort(this.#graceError()), graceMs)
    const wasShut = this.gate.shut
    const waiting = this.gate.acquire(steps, least, grace.signal)
    if (!wasShut && this.gate.shut) this.#halt()
    try {
      return await waiting
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      if (!this.gate.shut) this.#resume()
    }
  }

  #halt(): void {
    // A stranger's first wait is for the first payment, and no halt of a stream.
    if (this.gate.deliveredSteps > 0n) {
      this.#shutSinceMs = performance.now()
      this.halted++
    }
    this.changed()
  }

  #resume(): void {
    if (this.#shutSinceMs !== undefined) this.#stallMs += performance.now() - this.#shutSinceMs
    this.#shutSinceMs = undefined
    this.changed()
  }

  /** Writes down how many steps were delivered, not only how many may have been. */
  async save(): Promise<void> {
    // A closed agreement has its final count in its statement.
    if (this.#closed && (await this.#ledger.closingStatement(this.agreement.id)) !== undefined) return
    await this.#lease.settle()
  }

  #graceError(): StreamError {
    return new StreamError('grace-exceeded', 'nothing was paid for longer than the grace period', {
      agreement: this.agreement.id,
      due: this.gate.due.toString(),
    })
  }

  /** Books what the ledger says was paid. */
  paid(total: Msat): void {
    this.#payments++
    this.gate.setPaid(total)
    for (const tell of this.#whenPaid.splice(0)) tell()
    this.changed()
  }

  /** Calls once something was paid; at once if it was. */
  whenPaid(tell: () => void): void {
    if (this.gate.paid > 0n) tell()
    else this.#whenPaid.push(tell)
  }

  bookReturn(amount: bigint): void {
    this.#returned = (this.#returned + amount) as Msat
    this.changed()
  }

  /** Registers a delivery, so that closing ends it. Returns the function that ends the registration. */
  deliver(delivery: { abort(reason: unknown): void }): () => void {
    this.#deliveries.add(delivery)
    return () => this.#deliveries.delete(delivery)
  }

  /** No further delivery, and the running ones end. */
  shutDown(): void {
    this.#closed = true
    const reason = new StreamError('agreement-unknown', 'the agreement was closed', { agreement: this.agreement.id })
    for (const delivery of this.#deliveries) delivery.abort(reason)
    this.changed()
  }

  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  /** Resolves once so much was booked as paid, or after `withinMs`. */
  async paidReaches(amount: Msat, withinMs: number): Promise<void> {
    if (this.gate.paid >= amount) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        unwatch()
        resolve()
      }
      const timer = setTimeout(end, withinMs)
      const unwatch = this.watch(() => {
        if (this.gate.paid >= amount) end()
      })
    })
  }

  changed(): void {
    for (const notify of this.#watchers) notify()
  }

  statement(): Statement {
    const { gate, agreement } = this
    const network: Network = agreement.network
    return {
      agreement: agreement.id,
      sequence: this.#nextSequence(),
      price: agreement.price,
      steps: gate.deliveredSteps,
      delivered: costDown(agreement.price, gate.deliveredSteps),
      paid: gate.paid,
      returned: this.#returned,
      balance: this.balance,
      state: this.#closed ? 'closed' : gate.shut ? 'paused' : 'open',
      due: gate.due,
      atMs: Date.now(),
      payee: agreement.payee,
      network,
    }
  }
}
