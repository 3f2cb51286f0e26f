import { StreamError } from '../../errors/error.ts'
import { msat, ZERO } from '../../money/msat.ts'
import type { Seller } from '../../seller/seller.ts'
import type { GatewayConfig, RouteConfig } from '../config/schema.ts'
import type { PayoutEvent } from './payouts.ts'
import type { Weights } from './shares.ts'
import { type RecipientNode, Split } from './split.ts'
import type { Standing } from './store.ts'

export interface SplitsParts {
  /** Opens the node of a recipient, to make invoices. */
  readonly openNode: ((spec: string) => Promise<RecipientNode>) | undefined
  readonly onEvent: (event: PayoutEvent) => void
  readonly onError: (error: unknown) => void
}

/** A route as far as its split is concerned. */
export interface SplitRoute {
  readonly name: string
  readonly route: Pick<RouteConfig, 'split'>
  readonly seller: Seller
}

/**
 * The splits of a gateway's sellers: each has a book of its own, and pays out what its node earned. Recipients' nodes are opened when they
 * are first to be paid, so that a wallet that is away holds up nobody else.
 */
export class Splits {
  readonly #parts: SplitsParts
  readonly #splits = new Map<Seller, Split>()
  readonly #nodes = new Map<string, Promise<RecipientNode>>()

  constructor(parts: SplitsParts) {
    this.#parts = parts
  }

  /** @param path of a seller's book @throws StreamError `ledger-failed` */
  make(path: string | undefined): Split {
    const { onEvent, onError } = this.#parts
    return new Split({ path, openNode: (spec) => this.#nodeOf(spec), onEvent, onError })
  }

  add(seller: Seller, split: Split): void {
    this.#splits.set(seller, split)
  }

  /** Opens what these routes need, before anything changes. @throws StreamError `config-invalid`, `ledger-failed` */
  prepare(routes: readonly SplitRoute[]): void {
    for (const { route, name, seller } of routes) {
      if (!route.split) continue
      if (!this.#parts.openNode) throw unable(name)
      this.#splits.get(seller)?.open()
    }
  }

  configure(routes: readonly SplitRoute[], recipients: GatewayConfig['recipients'] = {}): void {
    for (const [seller, split] of this.#splits) {
      const own = routes.filter((each) => each.seller === seller && each.route.split)
      split.configure(new Map(own.map(({ name, route }) => [name, weightsOf(route.split!)])), recipients)
      split.start(seller)
    }
    const used = new Set(Object.values(recipients).map(({ node }) => node))
    for (const spec of this.#nodes.keys()) if (!used.has(spec)) void this.#closeNode(spec)
  }

  /** How the recipients of all sellers stand, by name: one that several sellers owe to is told once. @throws StreamError `ledger-failed` */
  get standings(): readonly Standing[] {
    const all = new Map<string, Standing>()
    for (const one of [...this.#splits.values()].flatMap(({ standings }) => standings)) {
      const { earned, paid, kept } = all.get(one.recipient) ?? { earned: ZERO, paid: ZERO, kept: true }
      const sums = { earned: msat(earned + one.earned), paid: msat(paid + one.paid), kept: kept && one.kept }
      all.set(one.recipient, { recipient: one.recipient, ...sums })
    }
    return [...all.values()]
  }

  async close(): Promise<void> {
    await Promise.all([...this.#splits.values()].map((split) => split.close()))
    await Promise.all([...this.#nodes.keys()].map((spec) => this.#closeNode(spec)))
  }

  #nodeOf(spec: string): Promise<RecipientNode> {
    const { openNode } = this.#parts
    if (!openNode) throw unable(spec)
    const node = this.#nodes.get(spec) ?? openNode(spec)
    this.#nodes.set(spec, node)
    // One that could not be opened is tried again at the next payout.
    node.catch(() => this.#nodes.delete(spec))
    return node
  }

  async #closeNode(spec: string): Promise<void> {
    const opening = this.#nodes.get(spec)
    this.#nodes.delete(spec)
    await opening?.then((node) => node.close()).catch(() => {})
  }
}

const unable = (what: string): StreamError =>
  new StreamError('config-invalid', `${what}: nothing here opens the nodes that a split pays to`)

const weightsOf = (split: NonNullable<RouteConfig['split']>): Weights =>
  new Map(Object.entries(split).map(([name, share]) => [name, BigInt(share)]))
