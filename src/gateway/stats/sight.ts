import type { Account } from '../../seller/account.ts'
import { add, NOTHING, type Sums, subtract } from './series.ts'

/** What was last seen of an agreement, as it is kept. Nothing secret is in it: buyers are anonymous. */
export interface Sight extends Sums {
  readonly agreement: string
  readonly route: string
  /** Where it was opened from (of IPv6: a /64); empty where that is not known. */
  readonly client: string
  readonly openedAtMs: number
  readonly seenAtMs: number
  readonly state: 'open' | 'closed'
}

/** The totals of an account. `earned` is what was delivered, as far as it is paid. */
export function sumsOf({ gate, returned, payments }: Account): Sums {
  const { paid, delivered } = gate
  return { paid, earned: delivered < paid ? delivered : paid, returned, payments: BigInt(payments) }
}

/** What changed since an agreement was last seen, and how it is seen now. */
export function look(
  before: Sight | undefined,
  account: Account,
  seen: { readonly route: string; readonly client: string; readonly atMs: number },
): { readonly sight: Sight; readonly change: Sums } {
  const now = sumsOf(account)
  const state = account.closed ? 'closed' : 'open'
  if (before) return { sight: { ...before, ...now, state, seenAtMs: seen.atMs }, change: subtract(now, before) }
  const { agreement, atMs } = { agreement: account.agreement.id, atMs: seen.atMs }
  const { route, client } = seen
  return {
    sight: { agreement, route, client, openedAtMs: atMs, seenAtMs: atMs, state, ...now },
    change: subtract(now, NOTHING),
  }
}

/** Sums by name, for as many names as there are routes. */
export class SumsByRoute {
  readonly #sums = new Map<string, Sums>()

  add(route: string, change: Sums): void {
    this.#sums.set(route, add(this.of(route), change))
  }

  of(route: string): Sums {
    return this.#sums.get(route) ?? NOTHING
  }

  get all(): Sums {
    return [...this.#sums.values()].reduce(add, NOTHING)
  }

  /** Empties it, and returns what was in it. */
  take(): ReadonlyArray<readonly [string, Sums]> {
    const taken = [...this.#sums]
    this.#sums.clear()
    return taken
  }

  get entries(): ReadonlyArray<readonly [string, Sums]> {
    return [...this.#sums]
  }
}
