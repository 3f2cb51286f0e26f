import { type Buyer, createBuyer } from '../../../src/buyer/buyer.ts'
import { toStreamError } from '../../../src/errors/error.ts'
import { MemoryJournal } from '../../../src/ledger/memory/journal.ts'
import type { PayingNode } from '../../../src/lightning/node.ts'
import type { TradeResult } from './orders.ts'

/** No member of a run gets near it. */
const MAX = '1000000 sat'

/** Somebody in the crowd: a `fetch` of its own, which pays where there is something to pay with. */
export class Member {
  readonly fetch: typeof globalThis.fetch
  readonly journal = new MemoryJournal()
  readonly #buyer: Buyer | undefined
  /** What ended it before its time. */
  error: string | undefined

  /** @param number each comes from an address of its own, as people do */
  constructor(number: number, paying: { readonly node: PayingNode; readonly ahead: string } | undefined) {
    const address = `10.0.${number >> 8}.${number & 255}`
    const from: typeof globalThis.fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      headers.set('x-forwarded-for', address)
      return fetch(input, { ...init, headers })
    }
    this.#buyer = paying && createBuyer({ ...paying, journal: this.journal, max: MAX, fetch: from })
    this.fetch = this.#buyer?.fetch ?? from
  }

  get paid(): bigint {
    return this.#buyer?.trades[0]?.paid ?? 0n
  }

  /** How often its seller let nothing out for want of money. */
  get held(): number {
    return this.#buyer?.trades[0]?.halted ?? 0
  }

  failed(error: unknown): void {
    const { code, message, cause } = toStreamError(error)
    this.error ??= [`${code}: ${message}`, ...causesOf(cause)].join(' < ')
  }

  /** Ends its agreement; `undefined` if it never had one. */
  async close(): Promise<TradeResult | undefined> {
    await this.#buyer?.close().catch((error) => this.failed(error))
    const trade = this.#buyer?.trades[0]
    if (!trade) return undefined
    const closing = this.#buyer?.closings.find(({ agreement }) => agreement === trade.agreement)
    const { agreement, paid, received, inFlight, fees, payments, maxAhead, ahead, maxUnpaid, credit } = trade
    return {
      ...{ agreement, paid, received, inFlight, fees, payments, maxAhead, ahead, maxUnpaid, credit },
      haltedMs: trade.stallMs,
      halted: trade.halted,
      ...(closing && {
        closing: {
          paid: closing.statement.paid,
          delivered: closing.statement.delivered,
          balance: closing.statement.balance,
          returned: closing.returned,
          amount: closing.amount,
          ...(closing.dispute && { dispute: closing.dispute.message }),
        },
      }),
    }
  }
}

/** What lies behind an error, down to what the system said. */
function causesOf(cause: unknown): string[] {
  return cause instanceof Error ? [cause.message, ...causesOf(cause.cause)] : []
}
