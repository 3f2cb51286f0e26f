import type * as ldk from 'lightningdevkit'
import { msat } from '../../../money/msat.ts'
import type { EmbeddedChannel } from '../calls.ts'
import { fromHex, reversed, toHex } from '../chain/bytes.ts'

/** A channel with the figures that decide whether it can carry a payment. */
export interface ChannelState extends EmbeddedChannel {
  /** Ours, less what is in flight and the reserve, whatever else stands in the way now. */
  readonly outbound: bigint
  /** The funding transaction is confirmed: `usable` only waits for the peer. */
  readonly ready: boolean
  /** What we called it when we opened it; anything for a peer's. */
  readonly mark: bigint
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
      mark: reversed128(channel.get_user_channel_id()),
      canSend: msat(usable ? channel.get_next_outbound_htlc_limit_msat() : 0n),
      canReceive: msat(usable ? channel.get_inbound_capacity_msat() : 0n),
    }
  })
}

/** The bindings write 128-bit numbers little-endian and read them big-endian. */
function reversed128(value: bigint): bigint {
  return BigInt(`0x${toHex(reversed(fromHex(value.toString(16).padStart(32, '0'))))}`)
}
