import { type StreamError, toStreamError } from '../../errors/error.ts'
import type { Account } from '../../seller/account.ts'
import type { Watched, WatchedEvent } from '../watched.ts'
import { RateOfStream } from './rate.ts'
import { look, type Sight, SumsByRoute } from './sight.ts'
import type { StatsStore } from './store.ts'
import { type Trouble, troubleOf } from './trouble.ts'

/** An agreement on which something happened of late. */
export interface Live {
  readonly account: Account
  readonly rate: RateOfStream
  sight: Sight
}

const TICK_MS = 500
const TICKS_A_WRITE = 4
const TICKS_A_PRUNE = 7200
/** What was not touched for so long is looked up again when it is. */
const IDLE_MS = 120_000
/** Agreements in memory: far more than stream at once. Of more, the one touched longest ago is written and let go. */
const MAX_LIVE = 5000
const MAX_UNWRITTEN_TROUBLES = 1000

/**
 * Follows what a gateway's sellers sell. Every change of an agreement's totals is counted once, also over restarts: what was last seen is
 * written in one transaction with what it added.
 */
export class Collector {
  readonly live = new Map<string, Live>()
  /** Since this process started. */
  readonly sinceStart = new SumsByRoute()
  readonly #gateway: Watched
  readonly #store: StatsStore
  readonly #onError: (error: StreamError) => void
  readonly #unwritten = new SumsByRoute()
  readonly #unwrittenSights = new Map<string, Sight>()
  #troubles: Trouble[] = []
  #ticks = 0
  readonly #timer: ReturnType<typeof setInterval>
  readonly #unsubscribe: () => void

  /** @param onError told when the file cannot be read or written; selling goes on */
  constructor(gateway: Watched, store: StatsStore, onError: (error: StreamError) => void = () => {}) {
    this.#gateway = gateway
    this.#store = store
    this.#onError = onError
    this.#unsubscribe = gateway.onEvent((event) => this.#take(event))
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Looks at everything now, and writes it. */
  flush(): void {
    for (const live of this.live.values()) this.#look(live, Date.now())
    this.#write()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unsubscribe()
    this.flush()
  }

  #take(event: WatchedEvent): void {
    try {
      const trouble = troubleOf(event)
      if (trouble && this.#troubles.length < MAX_UNWRITTEN_TROUBLES) this.#troubles.push(trouble)
      if ('account' in event) this.#see(event)
    } catch (error) {
      // What watches must never stop what is watched.
      this.#onError(toStreamError(error))
    }
  }

  #see(event: Extract<WatchedEvent, { account: Account }>): void {
    const { account, atMs } = event
    const { id, scope } = account.agreement
    let live = this.live.get(id)
    if (!live || live.account !== account) {
      const { sight, change } = look(this.#known(id, live), account, {
        route: event.route ?? scope,
        client: ('client' in event && event.client) || '',
        atMs,
      })
      live = { account, rate: live?.rate ?? new RateOfStream(), sight }
      this.#count(sight, change)
    } else this.#look(live, atMs)
    // Last in the order of the map: touched last.
    this.live.delete(id)
    this.live.set(id, live)
    for (const [oldest] of this.live) {
      if (this.live.size <= MAX_LIVE) break
      this.live.delete(oldest)
    }
  }

  #known(id: string, live: Live | undefined): Sight | undefined {
    return live?.sight ?? this.#unwrittenSights.get(id) ?? this.#store.sight(id)
  }

  #look(live: Live, atMs: number): void {
    const { sight, change } = look(live.sight, live.account, { ...live.sight, atMs })
    const { paid, earned, returned, payments } = change
    if (paid === 0n && earned === 0n && returned === 0n && payments === 0n && sight.state === live.sight.state) return
    live.sight = sight
    this.#count(sight, change)
  }

  #count(sight: Sight, change: Parameters<SumsByRoute['add']>[1]): void {
    this.sinceStart.add(sight.route, change)
    this.#unwritten.add(sight.route, change)
    this.#unwrittenSights.set(sight.agreement, sight)
  }

  #tick(): void {
    const nowMs = Date.now()
    const monotonicMs = performance.now()
    for (const [id, live] of this.live) {
      this.#look(live, nowMs)
      const { account, rate, sight } = live
      rate.note(monotonicMs, account.gate.deliveredSteps, sight.earned)
      if (account.activeDeliveries === 0 && nowMs - sight.seenAtMs > IDLE_MS) this.live.delete(id)
    }
    this.#ticks++
    if (this.#ticks % TICKS_A_WRITE === 0) this.#write()
    if (this.#ticks % TICKS_A_PRUNE === 0) this.#guard(() => this.#store.prune(nowMs))
  }

  #write(): void {
    const sights = [...this.#unwrittenSights.values()]
    if (sights.length === 0 && this.#troubles.length === 0) return
    this.#guard(() => {
      this.#store.write({ atMs: Date.now(), revenue: this.#unwritten.entries, sights, troubles: this.#troubles })
      // Only now: what could not be written is tried again with what comes.
      this.#unwritten.take()
      this.#unwrittenSights.clear()
      this.#troubles = []
    })
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#onError(toStreamError(error))
    }
  }

  get gateway(): Watched {
    return this.#gateway
  }

  get store(): StatsStore {
    return this.#store
  }
}
