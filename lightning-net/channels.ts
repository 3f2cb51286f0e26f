import {
  addPeer,
  createChainAddress,
  getChainBalance,
  getChannels,
  getNetworkGraph,
  getWalletInfo,
  openChannel,
} from 'lightning'
import { type BtcdRpc, mine } from '../src/nodectl/chain/btcd.ts'
import { payOut } from '../src/nodectl/chain/coins.ts'
import { until } from '../src/nodectl/chain/wait.ts'
import type { Daemon } from './daemon.ts'
import type { RunningLnd } from './lnd.ts'

const COINS_SAT = 1_000_000_000n
const WAIT_MS = 90_000

export interface Link {
  readonly from: RunningLnd
  readonly to: RunningLnd
  /** Size of the channel, of which half is pushed to the other side. */
  readonly sat: number
}

/** Gives every node coins and waits until all of them see those, on a chain they are in step with. */
export async function fund(rpc: BtcdRpc, nodes: readonly RunningLnd[]): Promise<void> {
  const payouts = await Promise.all(
    nodes.map(async ({ lnd }) => ({
      address: (await createChainAddress({ lnd, format: 'p2wpkh' })).address,
      sat: COINS_SAT,
    })),
  )
  await payOut(rpc, payouts)
  // LND calls itself synced only after a block that is fresh.
  await mine(rpc, 1)
  await Promise.all(
    nodes.map(({ lnd, daemon, node }) =>
      wait(`${node.name} has coins`, [daemon], async () => {
        const { is_synced_to_chain } = await getWalletInfo({ lnd })
        return is_synced_to_chain && (await getChainBalance({ lnd })).chain_balance > 0
      }),
    ),
  )
}

/** Opens the channels and waits until both ends can use them, and everyone knows all of them. */
export async function openChannels(rpc: BtcdRpc, links: readonly Link[], nodes: readonly RunningLnd[]): Promise<void> {
  const daemons = nodes.map(({ daemon }) => daemon)
  for (const link of links) await openLink(link, daemons)
  // One block opens a channel here, six announce it.
  await mine(rpc, 6)
  await Promise.all(links.flatMap(({ from, to }) => [from, to]).map((end) => active(end, links, daemons)))
  await Promise.all(nodes.map((node) => knowsAll(node, links.length, daemons)))
}

async function openLink({ from, to, sat }: Link, daemons: readonly Daemon[]): Promise<void> {
  const { publicKey, peer, name } = to.node
  // The other side may take a moment more to see the last block, and refuses until then.
  await wait(`${from.node.name} opens a channel to ${name}`, daemons, async () => {
    await addPeer({ lnd: from.lnd, public_key: publicKey, socket: peer })
    return openChannel({ lnd: from.lnd, partner_public_key: publicKey, local_tokens: sat, give_tokens: sat / 2 })
  })
}

const active = ({ lnd, node }: RunningLnd, links: readonly Link[], daemons: readonly Daemon[]): Promise<boolean> =>
  wait(`channels of ${node.name} are active`, daemons, async () => {
    const { channels } = await getChannels({ lnd, is_active: true })
    return channels.length === links.filter(({ from, to }) => [from.node.name, to.node.name].includes(node.name)).length
  })

/** A route needs both sides' policies of every channel. */
const knowsAll = ({ lnd, node }: RunningLnd, channels: number, daemons: readonly Daemon[]): Promise<boolean> =>
  wait(`${node.name} knows all channels`, daemons, async () => {
    const graph = await getNetworkGraph({ lnd })
    const complete = graph.channels.filter(({ policies }) =>
      policies.every((policy) => policy.cltv_delta !== undefined),
    )
    return complete.length === channels
  })

const wait = <T>(what: string, daemons: readonly Daemon[], attempt: () => Promise<T | false | undefined>): Promise<T> =>
  until(
    what,
    WAIT_MS,
    attempt,
    daemons.map(({ failed }) => failed),
  )
