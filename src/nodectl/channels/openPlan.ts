import type { Msat } from '../../money/msat.ts'
import type { Channel, ChannelList, PendingChannel } from './channels.ts'
import { noteOf, type OpenRecord } from './openRecord.ts'

/** What to do about a wish for a channel, so that it is never opened twice. */
export type OpenPlan =
  /** Ask LND. `replaces`: a record that has come to its end. */
  | { readonly do: 'open'; readonly replaces?: OpenRecord }
  /** It is opening already. */
  | { readonly do: 'follow'; readonly channel: PendingChannel }
  /** An earlier run asked for it, and it is open. */
  | { readonly do: 'done'; readonly channel: Channel }
  /** Another one to this peer is opening, and nobody said that a further one is wanted. */
  | { readonly do: 'refuse'; readonly channel: PendingChannel }
  /** An earlier run asked, and LND may still be at it. */
  | { readonly do: 'wait'; readonly forMs: number }

export interface OpenSituation {
  readonly peer: string
  readonly amount: Msat
  /** A further channel is wanted, whatever is open or opening. */
  readonly another: boolean
  readonly record: OpenRecord | undefined
  readonly list: ChannelList
  /** The connection over which the peer was asked may be there still. */
  readonly connected: boolean
  readonly nowMs: number
}

/**
 * LND gives a negotiation up after ten minutes without a word from the peer, and looks once a minute
 * (`DefaultReservationTimeout`). It is in memory alone: what is not in LND's list of pending channels then is nowhere.
 */
export const GIVEN_UP_MS = 12 * 60_000

/**
 * Decides by what is written down here and what LND lists. A record without a channel means that LND was asked and may be
 * negotiating still. That ends when the funding transaction is signed, which puts the channel into the list before the
 * transaction is sent; with the connection to the peer, which takes all its negotiations along; or by LND's own timeout.
 */
export function planOpen(situation: OpenSituation): OpenPlan {
  const { peer, amount, another, record, list, connected, nowMs } = situation
  const channels = list.channels.filter((channel) => channel.peer === peer)
  const pending = list.pending.filter((channel) => channel.peer === peer && channel.ours)
  if (record) {
    const isIts = (channel: Channel | PendingChannel): boolean =>
      channel.note === noteOf(record) || channel.outpoint === record.outpoint
    const open = channels.find(isIts)
    const opening = pending.find(isIts)
    const known = open ?? opening
    // That it was there once, and is not now, is an end too.
    if (!known && record.outpoint === undefined && connected) {
      // A clock that was set back must not make it safe sooner.
      const forMs = GIVEN_UP_MS - Math.max(0, nowMs - record.askedAtMs)
      if (forMs > 0) return { do: 'wait', forMs }
    }
    // With another amount it is another wish.
    if (open?.capacity === amount && !another) return { do: 'done', channel: open }
    if (opening?.state === 'opening' && !another) return follow(opening, amount)
    return { do: 'open', replaces: record }
  }
  const opening = pending.filter(({ state }) => state === 'opening')
  const same = opening.find(({ capacity }) => capacity === amount) ?? opening[0]
  return same && !another ? follow(same, amount) : { do: 'open' }
}

const follow = (channel: PendingChannel, amount: Msat): OpenPlan =>
  channel.capacity === amount ? { do: 'follow', channel } : { do: 'refuse', channel }
