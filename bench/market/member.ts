import { type Buyer, createBuyer } from '../../src/buyer/buyer.ts'
import { recover } from '../../src/buyer/journal/recover.ts'
import type { Sellers } from '../../src/buyer/offers/sellers.ts'
import { generator } from '../../src/cli/simulate/draw.ts'
import { toStreamError } from '../../src/errors/error.ts'
import { MemoryJournal } from '../../src/ledger/memory/journal.ts'
import type { LightningNode } from '../../src/lightning/node.ts'
import { parseMsat } from '../../src/money/msat.ts'
import { type Price, parsePrice, price } from '../../src/money/price.ts'
import { decodeAgreement } from '../../src/wire/agreement.ts'
import { decodeStatement } from '../../src/wire/statement.ts'
import { type Kind, kindOf, optionsOf } from './kinds.ts'
import type { AgreementResult, BuyerResult, BuyersOrder } from './orders.ts'

/** What it is worth to a buyer, in thousandths of the market's price: most can buy somewhere, some nowhere. */
const WORTH = [500, 2000] as const
const KIB = 1024
const REQUEST_KIB = [2, 6] as const
const PAUSE_MS = [200, 1200] as const
/** One request and all that it takes: beyond it the buyer is stuck. */
const REQUEST_MS = 90_000

/** A machine that buys, again and again, from whoever it chooses. */
export class Member {
  readonly journal = new MemoryJournal()
  readonly kind: Kind
  readonly limit: Price
  readonly #buyer: Buyer
  readonly #node: LightningNode
  readonly #fetch: typeof globalThis.fetch
  readonly #random: () => number
  readonly #max: bigint
  readonly ends = new Map<string, number>()
  requests = 0
  bytes = 0
  left = 0
  reading = false
  stuck: string | undefined

  constructor(number: number, order: BuyersOrder, node: LightningNode) {
    this.kind = kindOf(number)
    this.#node = node
    this.#random = generator(order.seed * 1_000_003 + number)
    const around = parsePrice(order.price)
    this.limit = price(around.msat * BigInt(this.#within(WORTH)), around.per * 1000n, around.unit)
    const address = `10.0.${number >> 8}.${number & 255}`
    this.#fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      headers.set('x-forwarded-for', address)
      return fetch(input, { ...init, headers })
    }
    const urls = order.sellers.map(({ url }) => url)
    const options = optionsOf(this.kind, number, urls, this.limit)
    const sellers: Sellers = {
      ...(options.sellers as Sellers),
      onNews: ({ type }) => {
        if (type === 'left') this.left++
      },
    }
    const { ahead, max } = order
    this.#max = parseMsat(max)
    const { journal } = this
    this.#buyer = createBuyer({ ...options, sellers, node, journal, ahead, max, fetch: this.#fetch })
  }

  get agreements(): number {
    return this.#buyer.trades.length
  }

  /** Buys until the time is up. Whatever fails is counted, and tried again after a pause. */
  async run(untilMs: number): Promise<void> {
    await pause(this.#within(PAUSE_MS))
    while (performance.now() < untilMs) {
      await this.#request()
      await pause(this.#within(PAUSE_MS))
    }
  }

  async #request(): Promise<void> {
    const limit = AbortSignal.timeout(REQUEST_MS)
    this.reading = true
    try {
      const bytes = this.#within(REQUEST_KIB) * KIB
      const response = await this.#buyer.fetch(`/?bytes=${bytes}`, { signal: limit })
      if (!response.ok) throw toStreamError(new Error(`answered ${response.status}`))
      const got = (await response.arrayBuffer()).byteLength
      if (got !== bytes) throw new Error(`${got} bytes came of ${bytes}`)
      this.requests++
      this.bytes += got
    } catch (error) {
      if (limit.aborted) this.stuck ??= `a request took ${REQUEST_MS} ms`
      const { code, message } = toStreamError(error)
      const end = code === 'internal' ? `${code}: ${message}` : code
      this.ends.set(end, (this.ends.get(end) ?? 0) + 1)
    }
    this.reading = false
  }

  /** Closes what it can; what a seller that is gone keeps open is for `settle`. */
  async close(): Promise<void> {
    await this.#buyer.close().catch(() => {})
  }

  /** Once all sellers are there again: what is owed comes back. */
  async settle(): Promise<number> {
    const { payments } = await recover({ node: this.#node, journal: this.journal, fetch: this.#fetch, close: true })
    return payments.filter(({ now }) => now === 'open' || now === 'elsewhere').length
  }

  async result(): Promise<BuyerResult> {
    const { trades, spent } = this.#buyer
    const payments = await this.journal.payments()
    const agreements = (await this.journal.agreements()).map((entry): AgreementResult => {
      const { agreement } = decodeAgreement(JSON.parse(entry.agreement))
      const own = payments.filter(({ agreementId, status }) => agreementId === entry.id && status !== 'failed')
      const statement = entry.statement === undefined ? undefined : decodeStatement(JSON.parse(entry.statement))
      const back = (status: string) =>
        entry.returns.reduce((sum, each) => sum + (each.status === status ? each.amount : 0n), 0n)
      return {
        ...{ id: entry.id, url: new URL(entry.url).origin, price: agreement.price, state: entry.state },
        paid: own.reduce((sum, { amount }) => sum + amount, 0n),
        ...(statement && { delivered: statement.delivered, stated: statement.paid }),
        returned: back('settled'),
        pending: back('asked'),
      }
    })
    return {
      ...{ kind: this.kind.name, limit: this.limit, requests: this.requests, bytes: this.bytes, left: this.left },
      ...{ ends: Object.fromEntries(this.ends), spent, max: this.#max, agreements },
      maxAhead: trades.reduce((most, { maxAhead }) => (maxAhead > most ? maxAhead : most), 0n),
      ahead: trades[0]?.ahead ?? 0n,
      ...(this.stuck !== undefined && { stuck: this.stuck }),
    }
  }

  #within([least, most]: readonly [number, number]): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
