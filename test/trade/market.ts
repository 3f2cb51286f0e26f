import { afterEach, expect } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import type { OutgoingPayment, PaymentOutcome } from '../../src/lightning/node.ts'
import { type ScriptedNode, scriptedPair } from '../../src/lightning/testing/scripted.ts'
import { formatMsat } from '../../src/money/msat.ts'
import type { Account } from '../../src/seller/account.ts'
import { type RunningServer, serve, type WebHandler } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, type Wall, type WallOptions, wall as wallOf } from '../../src/seller/paywall.ts'
import { Seller, type SellerEvent, type SellerOptions, type SellerParts } from '../../src/seller/seller.ts'
import { creditAt } from '../../src/terms/credit.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'

export interface MarketOptions extends Partial<WallOptions>, Omit<Partial<SellerOptions>, 'node' | 'onEvent'> {
  readonly handler: PaidHandler
  readonly nodes?: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode }
  /** Stands between the paywall and the wire: a seller that does not keep to the protocol. */
  readonly parts?: Partial<SellerParts>
  readonly tamper?: (handler: WebHandler) => WebHandler
}

const open = new Set<Market>()

/**
 * A seller on loopback and buyers before it, on scripted nodes. When a test ends, however it ends, every amount that either
 * side had at risk is held against what the terms allow: the seller's as its gate measured it, the buyer's as its payer
 * did and as its node saw it.
 */
export class Market {
  readonly nodes: { readonly buyer: ScriptedNode; readonly seller: ScriptedNode }
  readonly wall: Wall
  readonly server: RunningServer
  readonly events: SellerEvent[]
  readonly accounts = new Set<Account>()
  /** Decides about payments, as `ScriptedNode.script` does. */
  script: (
    payment: OutgoingPayment,
    number: number,
  ) => PaymentOutcome | undefined | Promise<PaymentOutcome | undefined> = () => undefined
  /** Payments that the buyers' node was asked to make, as invoices. */
  readonly attempts: string[] = []
  readonly #buyers: Buyer[] = []

  private constructor(nodes: Market['nodes'], wall: Wall, server: RunningServer, events: SellerEvent[]) {
    this.nodes = nodes
    this.wall = wall
    this.server = server
    this.events = events
  }

  static async open(options: MarketOptions): Promise<Market> {
    const { handler, nodes = scriptedPair(), tamper = (inner) => inner, parts, ...rest } = options
    const noted: { market?: Market; events: SellerEvent[] } = { events: [] }
    const seller = new Seller(
      {
        node: nodes.seller,
        ...rest,
        onEvent: (event) => {
          noted.events.push(event)
          if ('account' in event) noted.market?.accounts.add(event.account)
        },
      },
      parts,
    )
    const wall: Wall = Object.assign(wallOf(seller, { price: '1 sat/KiB', ...rest }), {
      seller,
      close: () => seller.close(),
    })
    const server = await serve(tamper(wall(handler)), { port: 0 })
    const market = new Market(nodes, wall, server, noted.events)
    noted.market = market
    nodes.buyer.script = (payment, number) => {
      market.#watchAhead(payment)
      return market.script(payment, number)
    }
    open.add(market)
    return market
  }

  get url(): string {
    return this.server.url
  }

  buyer(options: Partial<BuyerOptions> = {}): Buyer {
    const buyer = createBuyer({ node: this.nodes.buyer, max: '1000 sat', ahead: '10 sat', ...options })
    this.#buyers.push(buyer)
    return buyer
  }

  /** The one account of this market. */
  get account(): Account {
    expect(this.accounts.size).toBe(1)
    return [...this.accounts][0]!
  }

  /** What the buyers' node paid, in msat. */
  get settled(): bigint {
    return this.nodes.seller.settlements.reduce((sum, { amount }) => sum + amount, 0n)
  }

  /** Both invariants, for every agreement and every trade so far. */
  checkRisks(): void {
    for (const { gate, agreement } of this.accounts) {
      const credit = creditAt(agreement.credit, gate.paid)
      expect(gate.maxUnpaid, `unpaid on ${agreement.id}, of ${formatMsat(credit)}`).toBeLessThanOrEqual(credit)
    }
    for (const trade of this.#buyers.flatMap((buyer) => buyer.trades)) {
      expect(trade.maxAhead, `ahead on ${trade.agreement}`).toBeLessThanOrEqual(trade.ahead)
    }
    expect(new Set(this.attempts).size, 'an invoice was paid twice').toBe(this.attempts.length)
  }

  async close(): Promise<void> {
    open.delete(this)
    // First the buyers, whose unknown payments would otherwise be asked after for ever.
    await Promise.allSettled(this.#buyers.map((buyer) => buyer.close({ keep: true })))
    await this.server.close(0)
    await this.wall.close()
    this.checkRisks()
  }

  /** The buyer's invariant as its node sees it: with one trade, all that may have been spent, less what it received. */
  #watchAhead({ request }: OutgoingPayment): void {
    this.attempts.push(request)
    const trades = this.#buyers.flatMap((buyer) => buyer.trades)
    if (trades.length !== 1) return
    const { received, ahead } = trades[0]!
    const { buyer } = this.nodes
    const spent = this.attempts
      .map((text) => decodeInvoice(text))
      .filter(({ paymentHash }) => buyer.outcomes.get(paymentHash)?.status !== 'failed')
      .reduce((sum, { amount = 0n }) => sum + amount, 0n)
    expect.soft(spent - received, 'paid and in flight for what was not received').toBeLessThanOrEqual(ahead)
  }
}

export const openMarket = (options: MarketOptions): Promise<Market> => Market.open(options)

afterEach(async () => {
  await Promise.all([...open].map((market) => market.close()))
})

/** A source that counts how often it is read and says how it ended. */
export class Source {
  pulls = 0
  sent = 0
  cancelled: unknown
  readonly body: ReadableStream<Uint8Array>

  constructor(total: number, chunk = 1024, beforeEach: (index: number) => Promise<void> | void = () => {}) {
    this.body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (this.sent >= total) return controller.close()
          await beforeEach(this.pulls)
          this.pulls++
          const bytes = new Uint8Array(Math.min(chunk, total - this.sent))
          this.sent += bytes.length
          controller.enqueue(bytes)
        },
        cancel: (reason) => {
          this.cancelled = reason ?? 'cancelled'
        },
      },
      { highWaterMark: 0 },
    )
  }
}

/** Sells this many bytes. */
export const bytes =
  (total: number, chunk?: number): PaidHandler =>
  () =>
    new Response(new Source(total, chunk).body, { headers: { 'content-length': `${total}` } })

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until something is so. The limit is generous: it only ends a test that would hang. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  for (const end = Date.now() + 15_000; !condition(); await sleep(5)) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
  }
}

export async function readAll(response: Response): Promise<number> {
  let length = 0
  for await (const chunk of response.body ?? []) length += chunk.length
  return length
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; details?: Record<string, string> }> {
  const nothing = Symbol('nothing')
  const error = await promise.then(
    () => nothing,
    (reason) => reason,
  )
  if (error === nothing) throw new Error('it did not fail')
  return error as Error
}
