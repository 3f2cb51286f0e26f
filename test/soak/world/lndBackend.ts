import { join } from 'node:path'
import {
  type AuthenticatedLnd,
  getChannelBalance,
  getChannels,
  getInvoices,
  getPayments,
  getPendingPayments,
} from 'lightning'
import { openLnd } from '../../../lightning-net/lnd.ts'
import { type LightningNet, type NodeName, startLightningNet } from '../../../lightning-net/network.ts'
import type { Backend, NodeRecord } from './backend.ts'
import { sleep, until } from './clock.ts'

/** Who uses which node: alice's payments pass bob, who takes a fee for it, and who buys himself. */
const NODES: ReadonlyArray<readonly [string, NodeName]> = [
  ['seller', 'carol'],
  ['buyer-1', 'alice'],
  ['buyer-2', 'bob'],
]
/**
 * One database for all that an LND keeps: with the one it has by default, a node that is paid and killed loses money (README). And LND avoids
 * for a minute or more what failed once, and waits longer and longer for a peer that went away; in a run where nodes come back within
 * seconds it is to try them again.
 */
const CONFIG = ['db.backend=sqlite', 'routerrpc.apriori.penaltyhalflife=2s', 'maxbackoff=2s']
/**
 * The LNDs of the buyer and of the seller. The one between them, killed, may keep a payment on its way until it times out on the chain:
 * nothing is lost, and what waits for it stands still. `KILL_ALL_LND=1` kills it as well.
 */
const KILLED: readonly NodeName[] = process.env.KILL_ALL_LND ? NODES.map(([, node]) => node) : ['alice', 'carol']
const STILL_MS = 120_000
const STILL_PAUSE_MS = 500
const PAGE = 500

/** Real LND nodes on a chain of their own: the daemons can be killed apart from who uses them. */
export async function lndBackend(folder: string, say: (line: string) => void): Promise<Backend> {
  const net: LightningNet = await startLightningNet({
    dir: join(folder, 'net'),
    carol: true,
    lndConfig: CONFIG,
    onProgress: say,
  })
  const nodeOf = (name: NodeName) => net[name]!
  const lnds = new Map<string, AuthenticatedLnd>()
  for (const [name, node] of NODES) lnds.set(name, await openLnd(nodeOf(node)))
  return {
    kind: 'lnd',
    sellerNode: nodeOf('carol').spec,
    buyerNodes: NODES.slice(1).map(([name, node]) => ({ name, spec: nodeOf(node).spec })),
    // Bob takes 1 sat for each payment that passes him, and the payments of a stream are of a few sat.
    maxFeePercent: 50,
    daemons: KILLED,
    killDaemon: (name) => net.killNode(name as NodeName),
    startDaemon: (name) => net.startNode(name as NodeName),
    freezeDaemon: (name, frozen) => net.freezeNode(name as NodeName, frozen),
    connect: async () => {},
    async balances() {
      let last: Array<readonly [string, bigint | undefined]> = []
      await until('nothing is in flight between the nodes', STILL_MS, async () => {
        const all = await Promise.all([...lnds].map(async ([name, lnd]) => [name, await stillBalance(lnd)] as const))
        // An HTLC that only one side has committed to is not listed: so two looks that show the same.
        const still = all.every(([, balance], i) => balance !== undefined && balance === last[i]?.[1])
        last = all
        if (!still) await sleep(STILL_PAUSE_MS)
        return still
      })
      return new Map(last.map(([name, balance]) => [name, balance!]))
    },
    async records() {
      const read = [...lnds].map(async ([name, lnd]) => [name, await recordOf(lnd)] as const)
      return new Map(await Promise.all(read))
    },
    close: () => net.stop(),
  }
}

/**
 * What is ours in active channels; `undefined` while an HTLC is in flight, or a channel is not active. The fee of the commitment
 * transaction is not added for whoever opened a channel: it stays as it was (on regtest nothing changes the rate), and as LND
 * shows it, it holds fractions of a satoshi of both sides as well.
 */
async function stillBalance(lnd: AuthenticatedLnd): Promise<bigint | undefined> {
  try {
    const { channels } = await getChannels({ lnd })
    if (channels.some(({ is_active, pending_payments }) => !is_active || pending_payments.length > 0)) return undefined
    const { channel_balance_mtokens = '', unsettled_balance } = await getChannelBalance({ lnd })
    if (unsettled_balance !== undefined && unsettled_balance > 0) return undefined
    return BigInt(channel_balance_mtokens)
  } catch {
    return undefined
  }
}

async function recordOf(lnd: AuthenticatedLnd): Promise<NodeRecord> {
  const settlements: Array<NodeRecord['settlements'][number]> = []
  for (let token: string | undefined, first = true; first || token; first = false) {
    const page = await getInvoices({ lnd, ...(token ? { token } : { limit: PAGE }) })
    for (const { id, is_confirmed, received_mtokens } of page.invoices) {
      if (is_confirmed) settlements.push({ hash: id, amount: BigInt(received_mtokens) })
    }
    token = page.next
  }
  const payments: Array<NodeRecord['payments'][number]> = []
  const inFlight = new Set<string>()
  for (let token: string | undefined, first = true; first || token; first = false) {
    const page = await getPayments({ lnd, ...(token ? { token } : { limit: PAGE }) })
    for (const { id, is_confirmed, fee_mtokens, attempts } of page.payments) {
      const parts = attempts.filter((attempt) => attempt.is_confirmed).length
      if (is_confirmed || parts > 0) payments.push({ hash: id, fee: BigInt(fee_mtokens), parts })
    }
    token = page.next
  }
  for (let token: string | undefined, first = true; first || token; first = false) {
    const page = await getPendingPayments({ lnd, ...(token ? { token } : { limit: PAGE }) })
    for (const { id } of page.payments) inFlight.add(id)
    token = page.next
  }
  return { settlements, payments, inFlight }
}
