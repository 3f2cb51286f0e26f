import type { Account } from '../account.ts'

/** Credentials that are remembered, so that a busy token is not parsed and proven at every request. */
const MOST = 10_000
const LONGEST = 4096

/** What a credential was proven to open. */
export interface Proven {
  readonly account: Account
  /** Payment hash of the token, or the session's id. */
  readonly reference: string
  readonly challengeId?: string
  readonly validUntilMs?: number
}

/** Credentials that were proven, by their text. What may change since is looked at each time: whether the agreement is open, and the time. */
export class Remembered {
  readonly #proven = new Map<string, Proven>()
  readonly #holds: (account: Account) => boolean

  /** @param holds whether an account is the one in memory for its agreement */
  constructor(holds: (account: Account) => boolean) {
    this.#holds = holds
  }

  get(text: string): Proven | undefined {
    const proven = this.#proven.get(text)
    if (!proven || proven.account.closed || Date.now() >= (proven.validUntilMs ?? Infinity)) return undefined
    return this.#holds(proven.account) ? proven : undefined
  }

  set(text: string, proven: Proven): void {
    // A client may pad its credential: what is remembered is bounded in bytes too.
    if (text.length > LONGEST) return
    if (this.#proven.size >= MOST) this.#proven.clear()
    this.#proven.set(text, proven)
  }
}
