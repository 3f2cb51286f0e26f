import { addPeer, getPeers, removePeer } from 'lightning'
import { StreamError } from '../../errors/error.ts'
import { type Admin, ask } from '../admin.ts'
import { aliasOf, listChannels } from '../channels/channels.ts'
import type { Connection } from '../channels/openRecord.ts'
import { connectError, forgetError, type PeerName, peerBusy } from './peersText.ts'

/** A node that this one is connected with. */
export interface Peer {
  readonly publicKey: string
  /** What it calls itself; empty when it told nobody. */
  readonly alias: string
  readonly address: string
  /** It came to this node, and not this node to it. */
  readonly inbound: boolean
  /** Round trip; `undefined` before the first ping. */
  readonly pingMs: number | undefined
  readonly bytesSent: number
  readonly bytesReceived: number
  /** ISO 8601; `undefined` when LND has not kept it, as for a first connection. */
  readonly since: string | undefined
}

/** @throws StreamError one of the `node-…` codes */
export async function listPeers({ lnd }: Admin): Promise<Peer[]> {
  const { peers } = await ask('listing peers', getPeers({ lnd }))
  return Promise.all(
    peers.map(async (peer) => ({
      publicKey: peer.public_key,
      alias: await aliasOf(lnd, peer.public_key),
      address: peer.socket,
      inbound: peer.is_inbound,
      pingMs: peer.ping_time > 0 ? Math.round(peer.ping_time) : undefined,
      bytesSent: peer.bytes_sent,
      bytesReceived: peer.bytes_received,
      since: peer.last_reconnection,
    })),
  )
}

/** A connection through Tor takes its time. */
const CONNECT_MS = 15_000
const CONNECT_TOR_MS = 60_000

/**
 * Connects with a peer, unless it is connected. LND itself comes back to the peers that it has channels with.
 *
 * Which chain a peer is on cannot be seen at this point: LND sends no `networks` in its `init` (BOLT 1) and does not look at
 * the other side's. A peer of another chain refuses the first channel by its chain hash, before a coin is spent (`openChannel`).
 * @returns whether it was connected before
 * @throws StreamError `peer-invalid` (its own key, or no address), `peer-unreachable`, `node-…`
 * @example await connectPeer(admin, parsePeer('02ab…@203.0.113.7:9735'))
 */
export async function connectPeer({ lnd, publicKey }: Admin, peer: PeerName): Promise<{ readonly already: boolean }> {
  if (peer.publicKey === publicKey) throw new StreamError('peer-invalid', 'this is the key of the node itself')
  if (await isConnected(lnd, peer.publicKey)) return { already: true }
  if (peer.address === undefined) {
    throw new StreamError('peer-unreachable', 'the peer is not connected, and no address was given: KEY@HOST:PORT')
  }
  // Temporary: LND would otherwise say "connected" at once, and go on trying a wrong address for ever.
  const timeout = peer.address.includes('.onion') ? CONNECT_TOR_MS : CONNECT_MS
  const call = { lnd, public_key: peer.publicKey, socket: peer.address, is_temporary: true, retry_count: 1, timeout }
  try {
    await addPeer(call)
  } catch (error) {
    throw connectError(error, peer)
  }
  return { already: false }
}

export const isConnected = async (lnd: Admin['lnd'], publicKey: string): Promise<boolean> =>
  (await findConnection(lnd, publicKey)) !== undefined

/** The connection with a peer, by what tells it from an earlier one with the same peer; `undefined` when there is none. */
export async function findConnection(lnd: Admin['lnd'], publicKey: string): Promise<Connection | undefined> {
  const { peers } = await ask('listing peers', getPeers({ lnd }))
  const peer = peers.find(({ public_key }) => public_key === publicKey)
  if (!peer) return undefined
  return { bytesSent: peer.bytes_sent, ...(peer.last_reconnection !== undefined && { since: peer.last_reconnection }) }
}

/**
 * Ends the connection with a peer. LND keeps no list of peers besides channels, so nothing of it is left.
 * @returns whether it was connected
 * @throws StreamError `peer-busy` (it has channels with this node), `node-…`
 */
export async function forgetPeer(admin: Admin, publicKey: string): Promise<{ readonly was: boolean }> {
  const { channels, pending } = await listChannels(admin)
  // LND would hang up, come back at once, and meanwhile nothing could pass through the channel.
  const count = [...channels, ...pending].filter(({ peer }) => peer === publicKey).length
  if (count > 0) throw peerBusy(count)
  if (!(await isConnected(admin.lnd, publicKey))) return { was: false }
  try {
    await removePeer({ lnd: admin.lnd, public_key: publicKey })
  } catch (error) {
    throw forgetError(error)
  }
  return { was: true }
}
