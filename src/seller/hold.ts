import { StreamError } from '../errors/error.ts'
import type { Account } from './account.ts'

/** How long the last event of a stream is held for what its final count adds. */
const OWED_MS = 2000
const ONE = 1n

/** Who waits for money, and until when. */
export interface Holder {
  /** Aborts when the work is over before its time. */
  readonly signal: AbortSignal
}

/** The steps that one request has reserved on its account. They can be taken back whole. */
export class Hold {
  readonly #account: Account
  readonly #graceMs: number
  readonly #holder: Holder
  #steps = 0n
  #over = false

  constructor(account: Account, graceMs: number, holder: Holder) {
    this.#account = account
    this.#graceMs = graceMs
    this.#holder = holder
  }

  get steps(): bigint {
    return this.#steps
  }

  /** The request is over: what is granted from here on is given back at once. */
  get over(): boolean {
    return this.#over
  }

  /** As `reserve`, where neither money nor the ledger has to be waited for; 0n if they have to. */
  tryReserve(steps: bigint, least: bigint): bigint {
    const granted = this.#account.tryAcquire(steps, least)
    this.#steps += granted
    return granted
  }

  /** @throws StreamError `grace-exceeded`, `ledger-failed`, or the reason of the holder's signal */
  async reserve(steps: bigint, least: bigint, graceMs = this.#graceMs): Promise<bigint> {
    const granted =
      this.#account.tryAcquire(steps, least) ||
      (await this.#account.acquire(steps, least, graceMs, this.#holder.signal))
    // What was waited for while the request ended is nobody's any more.
    if (this.#over) this.#account.release(granted)
    else this.#steps += granted
    return granted
  }

  /** Waits until one step is covered, and reserves none. */
  opens(graceMs = this.#graceMs): Promise<void> {
    return this.#account.opens(graceMs, this.#holder.signal)
  }

  /** What has left already is waited for briefly, and written off if it is not covered then. Returns what was. */
  async collect(owed: bigint): Promise<bigint> {
    const untilMs = performance.now() + OWED_MS
    let left = owed
    while (left > 0n) {
      const waitMs = untilMs - performance.now()
      const granted = await this.reserve(left, ONE, Math.max(0, waitMs)).catch((error: unknown) => {
        if (error instanceof StreamError && error.code === 'grace-exceeded') return 0n
        throw error
      })
      if (granted === 0n) break
      left -= granted
    }
    return owed - left
  }

  release(steps: bigint): void {
    const back = steps < this.#steps ? steps : this.#steps
    this.#steps -= back
    this.#account.release(back)
  }

  end(): void {
    this.#over = true
  }
}
