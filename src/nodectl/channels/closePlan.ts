import { StreamError } from '../../errors/error.ts'
import { brief, libraryError } from '../../lightning/lnd/index.ts'
import { type Msat, minus, sat } from '../../money/msat.ts'
import { shortKey, wordsOf } from '../peers/peersText.ts'
import type { Channel, ChannelList, PendingChannel } from './channels.ts'

/** The channel that a word names, among those of a node. */
export type NamedChannel =
  | { readonly is: 'open'; readonly channel: Channel }
  | { readonly is: 'opening' | 'closing'; readonly channel: PendingChannel }

/**
 * Finds a channel by its id (`457x1x0`), its funding output (`TXID:OUTPUT`, or the first eight digits or more), or its peer's
 * key (eight digits or more) or name where that has one channel.
 * @throws StreamError `channel-unknown` (there is none, or more than one)
 */
export function findChannel({ channels, pending }: ChannelList, text: string): NamedChannel {
  const word = text.trim().toLowerCase()
  const isPart = /^[0-9a-f]{8,}/.test(word)
  const fits = (channel: Channel | PendingChannel): boolean =>
    ('id' in channel && channel.id === word) ||
    (isPart && (channel.outpoint.startsWith(word) || channel.peer.startsWith(word))) ||
    (word !== '' && channel.alias.toLowerCase() === word)
  const found: NamedChannel[] = [
    ...channels.filter(fits).map((channel) => ({ is: 'open' as const, channel })),
    ...pending.filter(fits).map((channel) => ({ is: channel.state, channel })),
  ]
  if (found.length === 1) return found[0]!
  const name = `"${text.slice(0, 80)}"`
  throw new StreamError(
    'channel-unknown',
    found.length === 0
      ? `there is no channel ${name}`
      : `${found.length} channels are meant by ${name}; name one by its id`,
  )
}

/** What closing a channel costs, and when its money can be spent. */
export interface CloseCost {
  readonly force: boolean
  /** Of the transaction that closes it, paid by this node; zero for a channel that the peer opened. */
  readonly fee: Msat
  /** Of the further transaction that fetches the money after a close alone. */
  readonly sweepFee: Msat
  /** Comes to the wallet, when all goes as estimated. */
  readonly returns: Msat
  /** Blocks after the one that confirms the close; zero: at once. */
  readonly delayBlocks: number | undefined
  readonly satPerVbyte: number
}

/** A close together: one input of two signatures and two outputs (BOLT 3, closing transaction), in vbytes. */
const CLOSE_VBYTES = 180
/** Fetching the output that waited (BOLT 3, to_local), and the anchor that may be needed for the fee. */
const SWEEP_VBYTES = 180
const ANCHORS = sat(660)
/** An output below is left out of the closing transaction (BOLT 3). */
const DUST = sat(354)

/** What it costs, at a fee rate. Payments on their way are not counted. */
export function closeCost(channel: Channel, force: boolean, satPerVbyte: number): CloseCost {
  const { ours, local, commitFee } = channel
  const at = (vbytes: number): Msat => sat(vbytes * Math.ceil(satPerVbyte))
  // Who opened the channel has the fee of the commitment set aside, on top of its balance, and pays either close (BOLT 2, 3).
  const aside = ours ? commitFee : sat(0)
  const fee = force ? aside : ours ? at(CLOSE_VBYTES) : sat(0)
  const sweepFee = force && local >= DUST ? at(SWEEP_VBYTES) : sat(0)
  const all = local + aside + (ours ? ANCHORS : 0n)
  const left = minus(all, fee + sweepFee + (force && ours ? ANCHORS : 0n))
  const delayBlocks = force ? channel.delayBlocks : 0
  return {
    force,
    fee,
    sweepFee,
    returns: left < DUST ? sat(0) : left,
    delayBlocks,
    satPerVbyte: Math.ceil(satPerVbyte),
  }
}

/** What it means that npm `lightning`'s `closeChannel` rejected. */
export function closeError(error: unknown, { peer, payments }: Channel): StreamError {
  const words = wordsOf(error)
  const refused = (why: string): StreamError => new StreamError('close-refused', why)
  if (/offline|is not online|peer .*not (?:connected|found)|link not found|unable to gracefully/i.test(words)) {
    return refused(`the peer ${shortKey(peer)} is not connected`)
  }
  if (/active htlcs/i.test(words)) return refused(`${payments || 'some'} payments are on their way through it`)
  if (/frozen/i.test(words)) return refused('it was made to stay open until a certain block')
  if (/cannot close channel with state|already.*clos|close.*already|in the process of being closed/i.test(words)) {
    return refused(`it is closing already (LND says: ${brief(words)})`)
  }
  return libraryError(error, 'closing the channel')
}
