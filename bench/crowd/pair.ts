import type { LightningNode, Settlement } from '../../src/lightning/node.ts'
import { measurePayments } from '../lnd/payments.ts'
import type { NodeOrder } from './members/orders.ts'

/** Two nodes with a channel: one that all members share, and the gateway's. */
export interface CrowdNodes {
  /** `--node` of the gateway. */
  readonly sellers: string
  /** `STREAMPAY_HOME` of the gateway. */
  readonly home: string
  readonly buyers: NodeOrder
  /** Processes of the nodes, where they have some of their own. */
  readonly pids: readonly number[]
  /** Opens both, from this process: neither members nor gateway may run where a node is in their process. */
  open(): Promise<{ readonly buyer: LightningNode; readonly seller: LightningNode }>
  close(): Promise<void>
}

/** Half of what one channel of LND takes at once, and what one wallet of Stream sends at once at most. */
const IN_FLIGHT = 32
const ROUNDS = [120, 400] as const

/** How many payments a second the pair carries when it has nothing else to do. */
export async function nodeLimit(nodes: CrowdNodes): Promise<{ perSecond: number; medianMs: number }> {
  const { buyer, seller } = await nodes.open()
  try {
    // The first ones set up sessions and routes, and are no measure.
    const runs = []
    for (const payments of ROUNDS) {
      runs.push(await measurePayments({ payer: buyer, payee: seller, payments, inFlight: IN_FLIGHT }))
    }
    const { paymentsPerSecond, payMs } = runs.at(-1)!
    return { perSecond: paymentsPerSecond, medianMs: payMs.median }
  } finally {
    await Promise.all([buyer.close(), seller.close()])
  }
}

/** All that both nodes ever settled, by their own records. */
export async function settledAt(
  nodes: CrowdNodes,
  expected: { readonly paid: ReadonlySet<string>; readonly returned: ReadonlySet<string> },
): Promise<{ seller: readonly Settlement[]; buyer: readonly Settlement[] }> {
  const { buyer, seller } = await nodes.open()
  try {
    const [came, back] = await Promise.all([told(seller, expected.paid), told(buyer, expected.returned)])
    return { seller: came, buyer: back }
  } finally {
    await Promise.all([buyer.close(), seller.close()])
  }
}

const PATIENCE_MS = 15_000

/** Settlements of these hashes; those that are not told within a time never came. */
function told(node: LightningNode, hashes: ReadonlySet<string>): Promise<readonly Settlement[]> {
  const found: Settlement[] = []
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer)
      end()
      resolve(found)
    }
    const timer = setTimeout(finish, hashes.size === 0 ? 0 : PATIENCE_MS)
    const end = node.subscribeSettlements(
      0n,
      (settlement) => {
        if (!hashes.has(settlement.paymentHash)) return
        found.push(settlement)
        if (found.length === hashes.size) setImmediate(finish)
      },
      reject,
    )
  })
}
