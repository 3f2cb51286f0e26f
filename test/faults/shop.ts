import { expect } from 'vitest'
import { type Buyer, type BuyerOptions, createBuyer } from '../../src/buyer/buyer.ts'
import type { Closing } from '../../src/buyer/trade/closing.ts'
import { type Journal, openJournal } from '../../src/ledger/index.ts'
import type { LightningNode, OutgoingPayment, Settlement } from '../../src/lightning/node.ts'
import { formatMsat, minus } from '../../src/money/msat.ts'
import { costDown } from '../../src/money/price.ts'
import { type RunningServer, type ServeOptions, serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, paywall, type Wall, type WallOptions } from '../../src/seller/paywall.ts'
import { creditAt } from '../../src/terms/credit.ts'
import { decodeInvoice } from '../../src/wire/bolt11.ts'

export interface Nodes {
  readonly buyer: LightningNode
  readonly seller: LightningNode
}

export const KIB = 1024

/**
 * A shop for bytes on any two nodes, with measures of its own: what left for the wire against what the seller's node had
 * settled by then, and what the buyer's node was asked to pay against what the buyer had received.
 */
export class Shop {
  readonly wall: Wall
  readonly server: RunningServer
  readonly journal: Journal
  readonly buyer: Buyer
  /** Told by the seller's node of the invoices that the shop made. */
  readonly settlements: Settlement[]
  /** Told by the buyer's node of the invoices that the buyer made: what came back. */
  readonly returns: Settlement[]
  /** The worst moments, in msat. */
  maxUnpaid = 0n
  maxAhead = 0n
  /** Bytes of paid answers that left. */
  left = 0
  readonly #spent = new Map<string, bigint>()
  readonly #end: () => void

  private constructor(
    parts: Pick<Shop, 'wall' | 'server' | 'buyer' | 'journal' | 'settlements' | 'returns'>,
    end: () => void,
  ) {
    this.wall = parts.wall
    this.server = parts.server
    this.buyer = parts.buyer
    this.journal = parts.journal
    this.settlements = parts.settlements
    this.returns = parts.returns
    this.#end = end
  }

  static async open(
    nodes: Nodes,
    handler: PaidHandler,
    options: WallOptions,
    buyerOptions: Partial<BuyerOptions> = {},
    serveOptions: Partial<ServeOptions> = {},
  ): Promise<Shop> {
    const settlements: Settlement[] = []
    const returns: Settlement[] = []
    const own = telling(nodes.buyer, (settlement) => returns.push(settlement))
    const end = own.subscribeSettlements(
      0n,
      () => {},
      () => {},
    )
    // What the seller's node tells the wall is noted on the way, and so counted no later than there.
    const wall = paywall({ node: telling(nodes.seller, (settlement) => settlements.push(settlement)), ...options })
    const noted: { shop?: Shop } = {}
    const handle = wall(handler)
    const server = await serve(async (request) => noted.shop!.#measured(await handle(request)), {
      port: 0,
      ...serveOptions,
    })
    const journal = openJournal(':memory:')
    const buyer = createBuyer({
      node: noting(own, (payment) => noted.shop!.#paying(payment)),
      journal,
      max: '2000 sat',
      ahead: '10 sat',
      ...buyerOptions,
    })
    const parts = { wall, server, buyer, journal, settlements, returns }
    const shop = new Shop(parts, end)
    noted.shop = shop
    return shop
  }

  get url(): string {
    return this.server.url
  }

  /** What the seller's node settled since the shop opened, in msat. */
  get settled(): bigint {
    return sum(this.settlements.map(({ amount }) => amount))
  }

  /** Both invariants at their worst moments, as the sides measured them and as the wire and the nodes saw them. */
  checkBounds(): void {
    const { trades } = this.buyer
    for (const trade of trades) {
      expect(trade.maxAhead, `ahead of ${formatMsat(trade.ahead)}`).toBeLessThanOrEqual(trade.ahead)
      const account = this.wall.seller.accounts.inMemory.get(trade.agreement)
      if (account)
        expect(account.gate.maxUnpaid).toBeLessThanOrEqual(creditAt(account.agreement.credit, account.gate.paid))
      if (trades.length === 1) {
        expect(this.maxAhead, 'asked of the buyer node for what had not come').toBeLessThanOrEqual(trade.ahead)
        expect(this.maxUnpaid, 'left for the wire unpaid').toBeLessThanOrEqual(trade.credit)
      }
    }
  }

  /**
   * Closes what is open and holds both sides' books, both nodes and the reader's count against each other.
   * @param received what the reader got on all agreements, where nothing can have been lost
   * @param agreements how many there should have been
   */
  async settleUp(received: number | undefined, agreements = 1): Promise<readonly Closing[]> {
    await this.buyer.close()
    const { trades, closings } = this.buyer
    expect(closings).toHaveLength(agreements)
    expect(new Set(closings.map(({ agreement }) => agreement))).toEqual(
      new Set(trades.map(({ agreement }) => agreement)),
    )
    for (const closing of closings) {
      const trade = trades.find(({ agreement }) => agreement === closing.agreement)!
      const { statement } = closing
      expect(closing.dispute).toBeUndefined()
      expect(statement.paid, 'the statement and the buyer').toBe(trade.paid)
      expect(statement.delivered).toBe(costDown(statement.price, statement.steps))
      // What was delivered on credit is the seller's loss, and no more than the credit.
      expect(statement.delivered - statement.paid).toBeLessThanOrEqual(trade.credit)
      expect(statement.balance).toBe(minus(statement.paid, statement.delivered))
      expect(closing.returned).toBe(closing.amount === 0n ? 'nothing' : closing.amount < 1000n ? 'kept' : 'settled')
      const account = this.wall.seller.accounts.inMemory.get(closing.agreement)
      if (account) expect(account.returned, 'the seller').toBe(closing.returned === 'settled' ? closing.amount : 0n)
    }
    const paid = sum(trades.map((trade) => trade.paid))
    await expect.poll(() => this.settled, { message: 'the seller node and the buyer' }).toBe(paid)
    const cameBack = closings.filter(({ returned }) => returned === 'settled').map(({ amount }) => amount)
    await expect
      .poll(() => this.returns.map(({ amount }) => amount).sort(), { message: 'what came back' })
      .toEqual(cameBack.sort())
    if (received !== undefined) {
      expect(sum(closings.map(({ statement }) => statement.steps)), 'the seller and the reader').toBe(BigInt(received))
    }
    const open = (await this.journal.payments()).filter(({ status }) => status !== 'settled' && status !== 'failed')
    expect(open, 'no outcome is open').toEqual([])
    expect(sum([...this.#spent.values()]), 'the buyer node and the buyer').toBe(paid)
    this.checkBounds()
    return closings
  }

  async close(): Promise<void> {
    await this.buyer.close({ keep: true }).catch(() => {})
    await this.server.close(0)
    await this.wall.close()
    this.#end()
    this.checkBounds()
  }

  /** Counts what a paid answer sends, each chunk at the moment that it leaves. */
  #measured(response: Response): Response {
    const price = this.#price
    if (!response.body || !response.headers.has('payment-receipt') || price?.unit !== 'byte') return response
    const reader = response.body.getReader()
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          this.left += value.byteLength
          const unpaid = costDown(price, BigInt(this.left)) - this.settled
          if (unpaid > this.maxUnpaid) this.maxUnpaid = unpaid
          controller.enqueue(value)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
    return new Response(body, response)
  }

  get #price() {
    return [...this.wall.seller.accounts.inMemory.values()][0]?.agreement.price
  }

  /** A payment counts from before it is sent until its node says that it failed. */
  #paying({ request }: OutgoingPayment): (failed: boolean) => void {
    const { paymentHash, amount } = decodeInvoice(request)
    expect.soft(this.#spent.has(paymentHash), 'an invoice was paid twice').toBe(false)
    this.#spent.set(paymentHash, amount!)
    const [trade] = this.buyer.trades
    const ahead = sum([...this.#spent.values()]) - (trade?.received ?? 0n)
    if (ahead > this.maxAhead) this.maxAhead = ahead
    return (failed) => {
      if (failed) this.#spent.delete(paymentHash)
    }
  }
}

/** A node of which some methods are others. */
export const overriding = (node: LightningNode, methods: Partial<LightningNode>): LightningNode =>
  new Proxy(node, {
    get(target, name) {
      const own = methods[name as keyof LightningNode] ?? target[name as keyof LightningNode]
      return typeof own === 'function' ? own.bind(target) : own
    },
  })

/** The node, with each settlement of an invoice that was made through it told here first. */
function telling(node: LightningNode, told: (settlement: Settlement) => void): LightningNode {
  const made = new Set<string>()
  return overriding(node, {
    async createInvoices(requests) {
      const invoices = await node.createInvoices(requests)
      for (const { paymentHash } of invoices) made.add(paymentHash)
      return invoices
    },
    subscribeSettlements(since, onSettled, onError) {
      const tell = (settlement: Settlement) => {
        if (made.has(settlement.paymentHash)) told(settlement)
        onSettled(settlement)
      }
      return node.subscribeSettlements(since, tell, onError)
    },
  })
}

/** The node, with every payment told before it is sent, and whether it failed. */
function noting(node: LightningNode, paying: (payment: OutgoingPayment) => (failed: boolean) => void): LightningNode {
  const ends = new Map<string, (failed: boolean) => void>()
  return overriding(node, {
    async pay(payment) {
      const end = paying(payment)
      ends.set(decodeInvoice(payment.request).paymentHash, end)
      const outcome = await node.pay(payment)
      end(outcome.status === 'failed')
      return outcome
    },
    async lookupPayment(hash) {
      const outcome = await node.lookupPayment(hash)
      ends.get(hash)?.(outcome?.status === 'failed')
      return outcome
    },
  })
}

/** Sells this many bytes, each telling its place. @param before is waited for with what was sent so far, before each chunk */
export const sellBytes =
  (total: number, chunk = KIB, before: (sent: number) => Promise<void> | undefined = () => undefined): PaidHandler =>
  () => {
    let sent = 0
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (sent >= total) return controller.close()
          await before(sent)
          const bytes = Uint8Array.from({ length: Math.min(chunk, total - sent) }, (_, i) => placed(sent + i))
          sent += bytes.length
          controller.enqueue(bytes)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-length': `${total}` } })
  }

/** Nothing more comes from here on. */
export const stopsAt =
  (stop: number) =>
  (sent: number): Promise<void> | undefined =>
    sent >= stop ? new Promise(() => {}) : undefined

const placed = (at: number): number => (at * 7 + (at >> 8)) % 251

/** Reads a body of `sellBytes` and checks every byte. */
export async function readPlaced(response: Response, seen: { bytes: number } = { bytes: 0 }): Promise<number> {
  for await (const chunk of response.body ?? []) {
    for (const [i, byte] of chunk.entries()) {
      if (byte !== placed(seen.bytes + i)) throw new Error(`another byte at ${seen.bytes + i}`)
    }
    seen.bytes += chunk.length
  }
  return seen.bytes
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What a promise rejects with; fails if it does not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { readonly code?: string; readonly details?: Record<string, string> }> {
  const nothing = Symbol('nothing')
  const error = await promise.then(
    () => nothing,
    (reason: unknown) => reason,
  )
  if (error === nothing) throw new Error('it did not fail')
  return error as Error
}
