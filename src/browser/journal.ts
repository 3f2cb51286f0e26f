import { StreamError } from '../errors/error.ts'
import {
  isAwaited,
  type Journal,
  type JournalAgreement,
  type JournalPayment,
  type JournalReturn,
  type NewAgreement,
  type NewPayment,
  type PaymentEnd,
  type PaymentFilter,
  type SpendingReport,
  type Writing,
} from '../ledger/journal.ts'
import type { KeptLimit, LimitName, Limits } from '../ledger/limits.ts'
import { MemoryJournal } from '../ledger/memory/journal.ts'
import { type Msat, ZERO } from '../money/msat.ts'
import { LIMITS } from './stored.ts'

/** What of `localStorage` is used. Writes are done when they return: so a payment is written before it is sent. */
export type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

const AGREEMENT = 'streampay:agreement:'
const PAYMENT = 'streampay:payment:'
/** The tab that wrote last: another one looks at everything anew before it judges. */
const WRITER = 'streampay:writer'
/** What is over and older than the longest limit looks back is forgotten. */
const KEPT_MS = 48 * 3_600_000

/**
 * The journal of a browser: in memory, and every change of it in a small store that outlives the page. Tabs share budgets and payments
 * through it; an agreement belongs to one tab at a time, by a lock of the browser's that ends with the tab.
 */
export class StoredJournal implements Journal {
  readonly #memory = new MemoryJournal()
  readonly #store: Store
  readonly #locks: LockManager | undefined
  readonly #unlock = new Map<string, () => void>()
  readonly #tab = crypto.randomUUID()

  /** What was asked for before: calls take effect in their order. */
  #ready: Promise<void>

  /** @param locks of the browser, if it has any: without them two tabs may take up the same agreement */
  constructor(store: Store, locks: LockManager | undefined = globalThis.navigator?.locks) {
    this.#store = store
    this.#locks = locks
    this.#ready = Promise.resolve()
    this.#alone(async () => {}).catch(() => {})
  }

  async addAgreement(agreement: NewAgreement): Promise<void> {
    await this.#ready
    await this.#memory.addAgreement(agreement)
    await this.#lock(agreement.id)
    await this.#keepAgreement(agreement.id)
  }

  async holdAgreement(id: string): Promise<boolean> {
    await this.#ready
    if (!(await this.#memory.holdAgreement(id))) return false
    if (await this.#lock(id)) {
      // The tab that held it before may have closed it, or received more.
      const state = await this.#alone(async () => {
        await this.#readAgreements()
        return this.#readOne<JournalAgreement>(AGREEMENT + id)?.state
      })
      if (state === 'open') return true
    }
    await this.releaseAgreement(id)
    return false
  }

  async releaseAgreement(id: string): Promise<void> {
    await this.#ready
    await this.#memory.releaseAgreement(id)
    this.#unlock.get(id)?.()
    this.#unlock.delete(id)
  }

  async noteReceived(id: string, steps: bigint): Promise<void> {
    await this.#ready
    await this.#memory.noteReceived(id, steps)
    await this.#keepAgreement(id)
  }

  async closeAgreement(id: string, statement: string | undefined): Promise<void> {
    await this.#ready
    await this.#memory.closeAgreement(id, statement)
    await this.#keepAgreement(id)
  }

  async noteFault(id: string, fault: string): Promise<void> {
    await this.#ready
    await this.#memory.noteFault(id, fault)
    await this.#keepAgreement(id)
  }

  async noteReturn(id: string, entry: JournalReturn): Promise<void> {
    await this.#ready
    await this.#memory.noteReturn(id, entry)
    await this.#keepAgreement(id)
  }

  async getAgreement(id: string): Promise<JournalAgreement | undefined> {
    await this.#ready
    return this.#memory.getAgreement(id)
  }

  agreements(state?: JournalAgreement['state']): Promise<JournalAgreement[]> {
    return this.#alone(async () => {
      await this.#readAgreements()
      return this.#memory.agreements(state)
    })
  }

  addPayment(payment: NewPayment, limits?: Limits): Promise<Writing> {
    return this.#write(payment.paymentHash, () => this.#memory.addPayment(payment, limits))
  }

  repeatPayment(payment: NewPayment, limits?: Limits): Promise<Writing> {
    return this.#write(payment.paymentHash, () => this.#memory.repeatPayment(payment, limits))
  }

  endPayment(paymentHash: string, end: PaymentEnd): Promise<void> {
    return this.#alone(async () => {
      await this.#memory.endPayment(paymentHash, end)
      await this.#keepPayment(paymentHash)
    })
  }

  async getPayment(paymentHash: string): Promise<JournalPayment | undefined> {
    await this.#ready
    return this.#memory.getPayment(paymentHash)
  }

  async payments(filter?: PaymentFilter): Promise<JournalPayment[]> {
    await this.#ready
    return this.#memory.payments(filter)
  }

  async abandonedPayments(): Promise<JournalPayment[]> {
    await this.#ready
    return this.#memory.abandonedPayments()
  }

  limits(): Promise<KeptLimit[]> {
    return this.#alone(() => this.#memory.limits())
  }

  setLimit(name: LimitName, amount: Msat | undefined, host?: string): Promise<void> {
    return this.#alone(async () => {
      await this.#memory.setLimit(name, amount, host)
      this.#put(LIMITS, await this.#memory.limits())
    })
  }

  spending(): Promise<SpendingReport> {
    return this.#alone(() => this.#memory.spending())
  }

  callerSpending(caller: string): Promise<{ readonly total: Msat; readonly day: Msat }> {
    return this.#alone(() => this.#memory.callerSpending(caller))
  }

  async end(): Promise<void> {
    for (const id of [...this.#unlock.keys()]) await this.releaseAgreement(id)
  }

  #write(paymentHash: string, add: () => Promise<Writing>): Promise<Writing> {
    return this.#alone(async () => {
      const writing = await add()
      if (!writing.written) return writing
      try {
        await this.#keepPayment(paymentHash)
      } catch (error) {
        // Not written, so it is not sent.
        await this.#memory.endPayment(paymentHash, { status: 'failed', fee: ZERO })
        throw error
      }
      return writing
    })
  }

  /** One tab at a time judges and writes, and looks first at what another one wrote since. Calls take effect in their order. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.#store.getItem(WRITER) !== this.#tab) {
        await this.#readAll()
        this.#put(WRITER, this.#tab)
      }
      return work()
    }
    const locks = this.#locks
    const working = this.#ready.then(() => (locks ? locks.request('streampay:payments', run) : run()))
    this.#ready = working.then(
      () => {},
      () => {},
    )
    return working
  }

  /** Holds an agreement for as long as this tab lives, or until it is released. */
  async #lock(id: string): Promise<boolean> {
    if (!this.#locks || this.#unlock.has(id)) return true
    const got = Promise.withResolvers<boolean>()
    const held = Promise.withResolvers<void>()
    this.#locks
      .request(`${AGREEMENT}${id}`, { ifAvailable: true }, (lock) => {
        got.resolve(lock !== null)
        return lock === null ? undefined : held.promise
      })
      .catch(got.reject)
    if (!(await got.promise)) return false
    this.#unlock.set(id, held.resolve)
    return true
  }

  async #keepAgreement(id: string): Promise<void> {
    const agreement = await this.#memory.getAgreement(id)
    if (agreement) this.#put(AGREEMENT + id, agreement)
  }

  async #keepPayment(paymentHash: string): Promise<void> {
    const payment = await this.#memory.getPayment(paymentHash)
    if (payment) this.#put(PAYMENT + paymentHash, isOver(payment) ? brief(payment) : payment)
  }

  #put(key: string, value: unknown): void {
    try {
      this.#store.setItem(
        key,
        JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `${one}n` : one)),
      )
    } catch (error) {
      throw new StreamError('ledger-failed', 'the browser does not store what is paid here', {}, error)
    }
  }

  async #readAll(): Promise<void> {
    await this.#readAgreements()
    // Limits hold for what is to be paid. What was paid counts, also where it is more than is allowed now.
    for (const { name, host } of await this.#memory.limits()) await this.#memory.setLimit(name, undefined, host)
    await this.#readPayments()
    await this.#readLimits()
  }

  /** Agreements of all tabs: what was noted of them only ever grows. */
  async #readAgreements(): Promise<void> {
    for (const [, agreement] of this.#read<JournalAgreement>(AGREEMENT)) {
      const { id, createdAtMs, state, receivedSteps, returns, statement, fault } = agreement
      const returning = returns.some(isAwaited)
      if (state === 'closed' && createdAtMs < Date.now() - KEPT_MS && !returning) {
        this.#store.removeItem(AGREEMENT + id)
        continue
      }
      const known = await this.#memory.getAgreement(id)
      await this.#memory.addAgreement(agreement)
      await this.#memory.noteReceived(id, receivedSteps)
      if (fault !== undefined) await this.#memory.noteFault(id, fault)
      for (const entry of returns) await this.#memory.noteReturn(id, entry)
      if (state === 'closed') await this.#memory.closeAgreement(id, statement)
      if (!known) await this.#memory.releaseAgreement(id)
    }
  }

  /** Payments of all tabs: new ones, and how known ones ended. */
  async #readPayments(): Promise<void> {
    for (const [key, kept] of this.#read<JournalPayment | Brief>(PAYMENT)) {
      const payment = Array.isArray(kept) ? whole(key, kept as Brief) : (kept as JournalPayment)
      const { paymentHash, status, fee, preimage, createdAtMs, agreementId } = payment
      const agreement = await this.#memory.getAgreement(agreementId)
      if (isOver(payment) && createdAtMs < Date.now() - KEPT_MS && agreement?.state !== 'open') {
        this.#store.removeItem(key)
        continue
      }
      await this.#memory.addPayment({ ...payment, receivedSteps: 0n })
      if (status !== 'pending') {
        await this.#memory.endPayment(paymentHash, { status, fee, ...(preimage !== undefined && { preimage }) })
      }
    }
  }

  async #readLimits(): Promise<void> {
    for (const { name, amount, host } of this.#readOne<KeptLimit[]>(LIMITS) ?? []) {
      await this.#memory.setLimit(name, amount, host)
    }
  }

  #read<T>(prefix: string): (readonly [key: string, value: T])[] {
    const keys = Array.from({ length: this.#store.length }, (_, i) => this.#store.key(i))
    return keys.flatMap((key) => {
      const value = key?.startsWith(prefix) ? this.#readOne<T>(key) : undefined
      return value === undefined ? [] : [[key!, value] as const]
    })
  }

  /** Another version, or another script of this site, may have written it: what cannot be read is passed over. */
  #readOne<T>(key: string): T | undefined {
    try {
      const text = this.#store.getItem(key)
      const revive = (_: string, one: unknown) =>
        typeof one === 'string' && /^\d+n$/.test(one) ? BigInt(one.slice(0, -1)) : one
      return text === null ? undefined : JSON.parse(text, revive)
    } catch {
      return undefined
    }
  }
}

/**
 * A payment that is over, in the little that is still asked of it: a browser keeps some megabytes for a site, and an evening of films is
 * thousands of payments.
 */
type Brief = [
  agreementId: string,
  origin: string,
  amount: Msat,
  createdAtMs: number,
  status: JournalPayment['status'],
  fee: Msat,
  preimage: string | undefined,
]

const isOver = ({ status }: JournalPayment): boolean => status === 'settled' || status === 'failed'

const brief = ({ agreementId, origin, amount, createdAtMs, status, fee, preimage }: JournalPayment): Brief => [
  agreementId,
  origin,
  amount,
  createdAtMs,
  status,
  fee,
  preimage,
]

function whole(key: string, [agreementId, origin, amount, createdAtMs, status, fee, preimage]: Brief): JournalPayment {
  return {
    paymentHash: key.slice(PAYMENT.length),
    request: '',
    agreementId,
    origin,
    payer: '',
    amount,
    maxFee: ZERO,
    createdAtMs,
    status,
    fee,
    ...(preimage != null && { preimage }),
  }
}
