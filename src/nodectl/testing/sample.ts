import { minus, sat } from '../../money/msat.ts'
import type { Channel, PendingChannel } from '../channels/channels.ts'

/** A key that is one of nobody's. */
export const KEY = `02${'ab'.repeat(32)}`

/** A channel of so many sat on each side, with the reserves that it would have. */
export function sampleChannel(local: number, remote: number, more: Partial<Channel> = {}): Channel {
  const reserve = sat(Math.floor((local + remote) / 100))
  return {
    id: '457x1x0',
    outpoint: `${'cd'.repeat(32)}:0`,
    peer: KEY,
    alias: 'bob',
    capacity: sat(local + remote),
    local: sat(local),
    canSend: minus(sat(local), reserve),
    remote: sat(remote),
    canReceive: minus(sat(remote), reserve),
    localReserve: reserve,
    remoteReserve: reserve,
    inFlight: sat(0),
    payments: 0,
    active: true,
    private: false,
    ours: true,
    delayBlocks: 144,
    commitFee: sat(3000),
    note: '',
    ...more,
  }
}

/** The same while it is on its way. */
export function samplePending(local: number, remote: number, more: Partial<PendingChannel> = {}): PendingChannel {
  const { outpoint, peer, alias, capacity, canSend, canReceive, ours, note } = sampleChannel(local, remote)
  return {
    outpoint,
    peer,
    alias,
    capacity,
    local: sat(local),
    remote: sat(remote),
    canSend,
    canReceive,
    ours,
    note,
    private: false,
    state: 'opening',
    blocksLeft: 3,
    spendableIn: undefined,
    closeTransaction: undefined,
    ...more,
  }
}
