import { StreamError } from '../../src/errors/error.ts'
import type { Standing } from '../../src/gateway/split/store.ts'
import type { Watched, WatchedEvent, WatchedRoute } from '../../src/gateway/watched.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { type Price, parsePrice } from '../../src/money/price.ts'
import { type PriceSpec, readPriceSpec } from '../../src/money/tariff.ts'
import { type RunningServer, serve } from '../../src/seller/adapters/node.ts'
import { type PaidHandler, wall } from '../../src/seller/paywall.ts'
import { Seller, type SellerOptions } from '../../src/seller/seller.ts'

export interface Good {
  readonly name: string
  readonly title: string
  readonly price: string
  readonly credit?: string
  readonly handler: PaidHandler
}

/** Several goods of one seller, each below its own path: as much of a gateway as a dashboard looks at. */
export class Shop implements Watched {
  readonly seller: Seller
  readonly routes: readonly WatchedRoute[]
  /** Nobody; a test says otherwise. */
  recipients: readonly Standing[] = []
  readonly #listeners = new Set<(event: WatchedEvent) => void>()
  readonly #prices = new Map<string, Price>()
  #server: RunningServer | undefined

  constructor(node: LightningNode, goods: readonly Good[], options: Partial<SellerOptions> = {}) {
    this.seller = new Seller({ node, ...options, onEvent: (event) => this.tell({ ...event, atMs: Date.now() }) })
    const prices = this.#prices
    for (const { name, price } of goods) prices.set(name, parsePrice(price))
    this.routes = goods.map(({ name, title }) => ({
      name,
      title,
      seller: this.seller,
      priced: {
        get terms() {
          return { price: prices.get(name)! }
        },
      },
    }))
  }

  get url(): string {
    return this.#server!.url
  }

  async open(goods: readonly Good[], port: number): Promise<this> {
    const handlers = new Map(
      goods.map(({ name, price, credit, handler }) => [
        name,
        wall(this.seller, { price, scope: name, ...(credit && { credit }) })(handler),
      ]),
    )
    this.#server = await serve(
      (request) =>
        handlers.get(new URL(request.url).pathname.split('/')[1]!)?.(request) ?? new Response('', { status: 404 }),
      { port },
    )
    return this
  }

  setPrice(route: string, price: PriceSpec): void {
    if (!this.#prices.has(route)) throw new StreamError('option-invalid', `there is no route "${route}"`)
    this.#prices.set(route, readPriceSpec(price).price)
  }

  onEvent(listener: (event: WatchedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: WatchedEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  async close(): Promise<void> {
    await this.#server?.close(0)
    await this.seller.close()
  }
}

export const openShop = (
  node: LightningNode,
  goods: readonly Good[],
  options: Partial<SellerOptions> = {},
  port = 0,
): Promise<Shop> => new Shop(node, goods, options).open(goods, port)

/** Words like a model's, one every `ms`, `total` of them. */
export function words(total: number, ms: number): PaidHandler {
  const encoder = new TextEncoder()
  return () => {
    let said = 0
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (said === total) return controller.close()
          await new Promise((resolve) => setTimeout(resolve, ms))
          controller.enqueue(encoder.encode(`data: {"choices":[{"delta":{"content":"w${said++}"}}]}\n\n`))
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
}

/** `total` bytes in pieces of `size`, one every `ms`. */
export function pieces(total: number, size: number, ms: number): PaidHandler {
  return () => {
    let sent = 0
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (sent >= total) return controller.close()
          await new Promise((resolve) => setTimeout(resolve, ms))
          sent += size
          controller.enqueue(new Uint8Array(size))
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body)
  }
}
