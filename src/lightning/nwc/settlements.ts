import { StreamError } from '../../errors/error.ts'
import type { Settlement } from '../node.ts'
import { type Asked, find } from './ask.ts'
import { walletError } from './errors.ts'
import { incoming, PAGE } from './invoices.ts'
import { isSettled, type Transaction, transactionSchema } from './messages.ts'
import type { OpenInvoice, WalletStore } from './store.ts'

/** How often the wallet is asked while invoices are open: where it does not tell by itself, and where it does but may have been missed. */
const POLL_MS = { polled: 1_000, pushed: 20_000 }
const RETRY_MS = { first: 500, last: 10_000 }
/** Pages of one look: what is older is looked up one by one when it expires. */
const MAX_PAGES = 25
/** When an invoice that has expired is asked after for the last time: what was on its way has arrived by then. */
const LAST_LOOK_MS = [30_000, 3_600_000] as const
const AT_ONCE = 8
/** How much older the wallet's clock may make an invoice. */
const CLOCK_SLACK_S = 600

interface Listener {
  /** Index of the last settlement that was told. */
  place: bigint
  readonly onSettled: (settlement: Settlement) => void
  readonly onError: (error: Error) => void
}

/**
 * Follows what is paid in. An invoice stays in the record from before anybody saw it until it was paid or cannot be paid any more; what is found
 * settled gets the next number there, in one step, and is told after that. So every settlement of an invoice of this
 * connection is told once above any index, after a restart too, however it was learnt: by a notification, from the wallet's list, or by its hash.
 * Of other payments into the same wallet only keysends are told, and only while somebody listens.
 */
export class Settlements {
  readonly #link: Asked
  readonly #store: WalletStore
  readonly #pollMs: number
  readonly #canList: boolean
  readonly #listeners = new Set<Listener>()
  #timer: NodeJS.Timeout | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #looking = false
  #again = false
  #retryMs = RETRY_MS.first
  #reported: string | undefined
  #ended = false
  /** Invoices that were looked up after they expired, and how often. */
  readonly #looks = new Map<string, number>()

  constructor(link: Asked, store: WalletStore, how: { readonly pushed: boolean; readonly canList: boolean }) {
    this.#link = link
    this.#store = store
    this.#pollMs = how.pushed ? POLL_MS.pushed : POLL_MS.polled
    this.#canList = how.canList
  }

  subscribe(since: bigint, onSettled: Listener['onSettled'], onError: Listener['onError']): () => void {
    const listener: Listener = { place: since, onSettled, onError }
    this.#listeners.add(listener)
    // Told later, as every other: who subscribes has not returned yet.
    queueMicrotask(() => {
      this.#guarded(() => this.#store.startAbove(since))
      this.#tell()
      this.look()
    })
    return () => void this.#listeners.delete(listener)
  }

  /** A notification `payment_received`. One that cannot be read is as good as none: the next look finds what it was about. */
  notified(content: unknown): void {
    const read = transactionSchema.safeParse(content)
    if (!read.success || read.data.type === 'outgoing') return
    this.#guarded(() => this.#settle([{ ...read.data, state: 'settled' }], true))
    this.#tell()
  }

  /** Looks now, and again as long as invoices are open and somebody listens. */
  look(): void {
    if (this.#looking) {
      this.#again = true
      return
    }
    clearTimeout(this.#timer)
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#looking = true
    void this.#lookOnce().then((nextMs) => {
      this.#looking = false
      const again = this.#again
      this.#again = false
      if (again && !this.#ended) this.look()
      else if (nextMs !== undefined) this.#lookIn(nextMs)
    })
  }

  /** Invoices were made: there is something to look for. */
  expect(): void {
    if (!this.#looking) this.#lookIn(this.#pollMs)
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #lookIn(ms: number): void {
    const dueMs = performance.now() + ms
    if (this.#ended || this.#listeners.size === 0 || dueMs >= this.#dueMs) return
    clearTimeout(this.#timer)
    this.#dueMs = dueMs
    this.#timer = setTimeout(() => this.look(), ms)
  }

  /** In how many ms to look next; `undefined` while there is nothing to look for. */
  async #lookOnce(): Promise<number | undefined> {
    if (this.#listeners.size === 0) return undefined
    try {
      const open = this.#store.openInvoices()
      if (open.length > 0) {
        if (this.#canList) await this.#list(open)
        else await this.#lookUp(open)
        await this.#lastLooks()
      }
      this.#retryMs = RETRY_MS.first
      this.#reported = undefined
      // Another process that shares the record may have numbered something.
      this.#tell()
      return this.#nextLook()
    } catch (error) {
      this.#report(walletError(error, 'following settlements'))
      const retryMs = this.#retryMs
      this.#retryMs = Math.min(retryMs * 2, RETRY_MS.last)
      return retryMs
    }
  }

  #nextLook(): number | undefined {
    const nowMs = Date.now()
    const waits = this.#store
      .openInvoices()
      .map((invoice) => (invoice.expiresAtMs > nowMs ? 0 : this.#lastLook(invoice) - nowMs))
    return waits.length === 0 ? undefined : Math.max(this.#pollMs, Math.min(...waits))
  }

  /** From the oldest open invoice on: `from` is the time of making with some wallets and of settling with others, and this holds for both. */
  async #list(open: readonly OpenInvoice[]): Promise<void> {
    const from = Math.floor(open[0]!.createdAtMs / 1000) - CLOCK_SLACK_S
    for (let page = 0; page < MAX_PAGES && !this.#ended; page++) {
      const found = await incoming(this.#link, { from, limit: PAGE, offset: page * PAGE, unpaid: false })
      this.#settle(found.filter(isSettled))
      this.#tell()
      if (found.length < PAGE) return
    }
  }

  async #lookUp(open: readonly OpenInvoice[]): Promise<void> {
    for (let at = 0; at < open.length && !this.#ended; at += AT_ONCE) {
      const found = await Promise.all(
        open.slice(at, at + AT_ONCE).map(({ paymentHash }) => find(this.#link, paymentHash)),
      )
      this.#settle(found.filter((one) => one !== undefined).filter(isSettled))
      this.#tell()
    }
  }

  /** An invoice leaves the record when the wallet itself says, well after it expired, that nothing came: asked twice. */
  async #lastLooks(): Promise<void> {
    for (const invoice of this.#store.openInvoices()) {
      const { paymentHash } = invoice
      if (this.#ended || Date.now() < this.#lastLook(invoice)) continue
      const found = await find(this.#link, paymentHash)
      const looks = (this.#looks.get(paymentHash) ?? 0) + 1
      this.#looks.set(paymentHash, looks)
      if (found && isSettled(found)) this.#settle([found])
      else if (looks >= LAST_LOOK_MS.length) this.#store.drop(paymentHash)
      else continue
      this.#looks.delete(paymentHash)
    }
  }

  #lastLook({ paymentHash, expiresAtMs }: OpenInvoice): number {
    return expiresAtMs + (LAST_LOOK_MS[this.#looks.get(paymentHash) ?? 0] ?? 0)
  }

  /** @param told by a notification: the only way to hear of a keysend, which has no invoice */
  #settle(found: readonly Transaction[], told = false): void {
    // The wallet serves others too: their payments are none of ours.
    const fresh = found.filter(({ payment_hash: hash, invoice }) => {
      return this.#store.isOpen(hash) || (told && !invoice && !this.#store.isSettled(hash))
    })
    if (fresh.length === 0) return
    const inOrder = fresh.toSorted((a, b) => (a.settled_at ?? Infinity) - (b.settled_at ?? Infinity))
    this.#store.settle(inOrder.map(({ payment_hash, amount }) => ({ paymentHash: payment_hash, amount })))
  }

  /** Tells each listener what is numbered above its place. */
  #tell(): void {
    for (const listener of this.#listeners) {
      this.#guarded(() => {
        for (let some = this.#next(listener); some.length > 0; some = this.#next(listener)) {
          for (const settlement of some) {
            if (!this.#listeners.has(listener)) return
            listener.place = settlement.index
            listener.onSettled(settlement)
          }
        }
      })
    }
  }

  #next({ place }: Listener): Settlement[] {
    return this.#store.settledAfter(place)
  }

  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#report(error instanceof StreamError ? error : walletError(error, 'following settlements'))
    }
  }

  /** One outage is told once. */
  #report(error: StreamError): void {
    if (error.code === this.#reported) return
    this.#reported = error.code
    for (const { onError } of this.#listeners) onError(error)
  }
}
