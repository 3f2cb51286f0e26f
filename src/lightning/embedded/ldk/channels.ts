import type * as ldk from 'lightningdevkit'
import { msat } from '../../../money/msat.ts'
import type { EmbeddedChannel } from '../calls.ts'
import { toHex } from '../chain/bytes.ts'

/** A channel with the figures that decide whether it can carry a payment. */
export interface ChannelState extends EmbeddedChannel {
  /** Ours, less what is in flight and the reserve, whatever else stands in the way now. */
  readonly outbound: bigint
  /** The funding transaction is confirmed: `usable` only waits for the peer. */
  readonly ready: boolean
}

export function channelStates(manager: ldk.ChannelManager): ChannelState[] {
  return manager.list_channels().map((channel) => {
    const usable = Boolean(channel.get_is_usable())
    const outbound = channel.get_outbound_capacity_msat()
    return {
      id: toHex(channel.get_channel_id().get_a()),
      peer: toHex(channel.get_counterparty().get_node_id()),
      capacitySat: channel.get_channel_value_satoshis(),
      usable,
      ready: Boolean(channel.get_is_channel_ready()),
      outbound,
      canSend: msat(usable ? channel.get_next_outbound_htlc_limit_msat() : 0n),
      canReceive: msat(usable ? channel.get_inbound_capacity_msat() : 0n),
    }
  })
}
