import {
  type GetChannelsResult,
  type GetPendingChannelsResult,
  getChannels,
  getNode,
  getPendingChannels,
} from 'lightning'
import { type Msat, minus, sat } from '../../money/msat.ts'
import { type Admin, ask } from '../admin.ts'

/** A channel that is open on the chain, as this node holds it. */
export interface Channel {
  /** `HEIGHTxINDEXxOUTPUT` of the funding output (BOLT 7, short channel id). */
  readonly id: string
  /** `TXID:OUTPUT` of the funding transaction. */
  readonly outpoint: string
  readonly peer: string
  /** What the peer calls itself, cut short; empty when it told nobody. */
  readonly alias: string
  readonly capacity: Msat
  /** What is this node's, and what it can send of that: the reserve stays. */
  readonly local: Msat
  readonly canSend: Msat
  readonly remote: Msat
  readonly canReceive: Msat
  readonly localReserve: Msat
  readonly remoteReserve: Msat
  /** In payments that are on their way. */
  readonly inFlight: Msat
  readonly payments: number
  /** The peer is connected and the channel can be used. */
  readonly active: boolean
  /** Not announced to others. */
  readonly private: boolean
  /** This node opened it, and pays its fees on the chain. */
  readonly ours: boolean
  /** Blocks that this node waits for its money when it closes alone; `undefined` when LND does not say. */
  readonly delayBlocks: number | undefined
  /** Set aside for the fee of the transaction that closes it alone. */
  readonly commitFee: Msat
  /** A note in this node's own database. */
  readonly note: string
}

/** A channel on its way: opening or closing. */
export interface PendingChannel {
  readonly outpoint: string
  readonly peer: string
  readonly alias: string
  readonly capacity: Msat
  readonly local: Msat
  readonly remote: Msat
  /** What can be sent and received once it is open. */
  readonly canSend: Msat
  readonly canReceive: Msat
  readonly ours: boolean
  readonly private: boolean
  readonly state: 'opening' | 'closing'
  /** Confirmations that are missing until it can be used; `undefined` when nothing was seen in a block. */
  readonly blocksLeft: number | undefined
  /** Blocks until the money of a channel that was closed alone can be spent. */
  readonly spendableIn: number | undefined
  readonly closeTransaction: string | undefined
  readonly note: string
}

export interface ChannelList {
  readonly channels: readonly Channel[]
  readonly pending: readonly PendingChannel[]
}

type LndChannel = GetChannelsResult['channels'][number] & { readonly description?: string }
type LndPending = GetPendingChannelsResult['pending_channels'][number]

/**
 * All channels of a node, the open ones and those on their way.
 * @throws StreamError one of the `node-…` codes
 * @example const { channels, pending } = await listChannels(admin)
 */
export async function listChannels({ lnd }: Admin): Promise<ChannelList> {
  const [{ channels }, { pending_channels }] = await Promise.all([
    ask('listing channels', getChannels({ lnd })),
    ask('listing pending channels', getPendingChannels({ lnd })),
  ])
  const peers = [...channels, ...pending_channels].map((channel) => channel.partner_public_key)
  const names = new Map(
    await Promise.all([...new Set(peers)].map(async (key) => [key, await aliasOf(lnd, key)] as const)),
  )
  return {
    channels: channels.map((channel) => toChannel(channel, names.get(channel.partner_public_key) ?? '')),
    pending: pending_channels.map((channel) => toPending(channel, names.get(channel.partner_public_key) ?? '')),
  }
}

const MAX_ALIAS = 32

/** What a node calls itself in the graph. Another side wrote it: short, and without control characters. */
export async function aliasOf(lnd: Admin['lnd'], publicKey: string): Promise<string> {
  const node = await getNode({ lnd, public_key: publicKey, is_omitting_channels: true }).catch(() => undefined)
  return (node?.alias ?? '')
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, MAX_ALIAS)
}

/** A channel as LND lists it, in our words. */
export function toChannel(channel: LndChannel, alias: string): Channel {
  const local = sat(channel.local_balance)
  const remote = sat(channel.remote_balance)
  const localReserve = sat(channel.local_reserve)
  const remoteReserve = sat(channel.remote_reserve)
  return {
    id: channel.id,
    outpoint: `${channel.transaction_id}:${channel.transaction_vout}`,
    peer: channel.partner_public_key,
    alias,
    capacity: sat(channel.capacity),
    local,
    canSend: minus(local, localReserve),
    remote,
    canReceive: minus(remote, remoteReserve),
    localReserve,
    remoteReserve,
    inFlight: sat(channel.unsettled_balance),
    payments: channel.pending_payments.length,
    active: channel.is_active,
    private: channel.is_private,
    ours: !channel.is_partner_initiated,
    delayBlocks: channel.local_csv,
    commitFee: sat(channel.commit_transaction_fee),
    note: channel.description ?? '',
  }
}

/** The same for one on its way. */
export function toPending(channel: LndPending, alias: string): PendingChannel {
  return {
    outpoint: `${channel.transaction_id}:${channel.transaction_vout}`,
    peer: channel.partner_public_key,
    alias,
    capacity: sat(channel.capacity),
    local: sat(channel.local_balance),
    remote: sat(channel.remote_balance),
    canSend: minus(sat(channel.local_balance), sat(channel.local_reserve)),
    canReceive: minus(sat(channel.remote_balance), sat(channel.remote_reserve)),
    ours: channel.is_partner_initiated !== true,
    private: channel.is_private === true,
    state: channel.is_opening ? 'opening' : 'closing',
    blocksLeft: channel.is_opening ? channel.opening_waiting_blocks : undefined,
    // LND says 0 before it knows: the height comes with it.
    spendableIn: channel.timelock_expiration ? channel.timelock_blocks : undefined,
    closeTransaction: channel.close_transaction_id,
    note: channel.description ?? '',
  }
}
