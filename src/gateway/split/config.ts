import { StreamError } from '../../errors/error.ts'
import type { LightningNode } from '../../lightning/node.ts'
import { type Msat, sat } from '../../money/msat.ts'
import type { Seller, SellerEvent } from '../../seller/seller.ts'
import { Earnings } from './earnings.ts'
import { type PayoutEvent, Payouts, type Recipient } from './payouts.ts'
import type { Weights } from './shares.ts'
import { PayoutStore } from './store.ts'

/** As a configuration has them: parts by name, in whole weights, and the names' nodes. */
export interface SplitConfig {
  /** By route name, which is the scope of its agreements. */
  readonly splits: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Specs of nodes as `--node` takes them. A name without one is the seller itself: its part stays where it is. */
  readonly recipients: Readonly<
    Record<string, { readonly node: string; readonly threshold?: Msat; readonly intervalMs?: number }>
  >
}

export interface SplitParts {
  /** Beside the seller's ledger. */
  readonly path: string
  readonly openNode: (spec: string) => Promise<LightningNode>
  readonly onEvent?: (event: PayoutEvent) => void
  readonly onError?: (error: Error) => void
}

/** Small payouts would cost more in routing than they are worth. */
const THRESHOLD = sat(100)
const INTERVAL_MS = 60_000

/** The split of a seller's routes at work. */
export interface RunningSplit {
  /** To be handed every event of the seller. */
  onEvent(event: SellerEvent): void
  /** Books what an earlier run left, and begins to pay. To be called once, when the seller is made. */
  start(seller: Seller): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the recipients' books. Their nodes are opened when they are first to be paid, so that a wallet that is away holds up nobody else.
 * @throws StreamError `config-invalid` in the gateway's schema; here `option-invalid` for a recipient without a node that is not the only one,
 *   `ledger-failed`
 */
export function openSplit({ splits, recipients }: SplitConfig, parts: SplitParts): RunningSplit {
  const weights = new Map<string, Weights>()
  for (const [route, shares] of Object.entries(splits)) {
    const kept = Object.keys(shares).filter((name) => !Object.hasOwn(recipients, name))
    if (kept.length > 1) {
      throw new StreamError('option-invalid', `${kept.join(' and ')} have no node: name them in "recipients"`)
    }
    weights.set(route, new Map(Object.entries(shares).map(([name, share]) => [name, BigInt(share)])))
  }
  const store = new PayoutStore(parts.path)
  const earnings = new Earnings(store, weights)
  const opened = new Map<string, Promise<LightningNode>>()
  const nodeOf = (spec: string): Promise<LightningNode> => {
    const node = opened.get(spec) ?? parts.openNode(spec)
    opened.set(spec, node)
    // One that could not be opened is tried again at the next payout.
    node.catch(() => opened.delete(spec))
    return node
  }
  const paid = new Map<string, Recipient>()
  for (const [name, { node, threshold = THRESHOLD, intervalMs = INTERVAL_MS }] of Object.entries(recipients)) {
    const createInvoices: Recipient['node']['createInvoices'] = async (requests) =>
      (await nodeOf(node)).createInvoices(requests)
    paid.set(name, { node: { createInvoices }, threshold, intervalMs })
  }
  let payouts: Payouts | undefined
  return {
    onEvent: (event) => earnings.onEvent(event),
    async start(seller) {
      const { node } = await seller.ready()
      await earnings.catchUp(seller.ledger)
      const { onEvent, onError } = parts
      payouts = new Payouts({ store, node, recipients: paid, ...(onEvent && { onEvent }), ...(onError && { onError }) })
      payouts.start()
    },
    async close() {
      await payouts?.close()
      await Promise.allSettled([...opened.values()].map(async (node) => (await node).close()))
      store.close()
    },
  }
}
