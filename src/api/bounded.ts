import type { Journal } from '../ledger/journal.ts'
import { ofCaller } from '../ledger/ofCaller.ts'
import { MAX_MSAT, type Msat, min, minus, msat } from '../money/msat.ts'
import type { Caller } from './caller.ts'

/** Callers with limits that hold, and the journal as each of them has it. */
export class BoundedCallers {
  readonly #journal: Journal
  readonly #maxEach: Msat | undefined
  /** What each had spent when it first asked: of what came before, this process is not told. */
  readonly #before = new Map<string, Promise<Msat>>()

  constructor(journal: Journal, maxEach: Msat | undefined) {
    this.#journal = journal
    this.#maxEach = maxEach
  }

  async bounded(caller: Caller): Promise<Caller> {
    const { name, isOwner, limits } = caller
    if (isOwner || this.#maxEach === undefined) return caller
    if (limits.max !== undefined || limits.perDay !== undefined) return caller
    const before = this.#before.get(name) ?? this.#journal.callerSpending(name).then(({ total }) => total)
    this.#before.set(name, before)
    const room = min(this.#maxEach, minus(MAX_MSAT, await before))
    return { ...caller, limits: { ...limits, max: msat((await before) + room) } }
  }

  /** @param caller as `bounded` gives it */
  journalOf = ({ name, isOwner, limits }: Caller): Journal =>
    isOwner ? this.#journal : ofCaller(this.#journal, name, limits)
}
