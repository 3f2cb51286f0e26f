import * as ldk from 'lightningdevkit'

/** The chain has no fee market: everything pays the floor. */
export const FEE_SAT_PER_1000_WEIGHT = 253

/**
 * In-flight payments below the dust limit have no output on chain. LDK's default limit on their sum follows the fee rate
 * and would leave a stream of small payments without a route; this is a million sat.
 */
const MAX_DUST_MSAT = 1_000_000_000n
/** BOLT 2's limit for one direction of a channel. */
const MAX_HTLCS = 483

export function userConfig(): ldk.UserConfig {
  const config = ldk.UserConfig.constructor_default()

  const channel = config.get_channel_config()
  channel.set_max_dust_htlc_exposure(ldk.MaxDustHTLCExposure.constructor_fixed_limit_msat(MAX_DUST_MSAT))
  config.set_channel_config(channel)

  const handshake = config.get_channel_handshake_config()
  handshake.set_minimum_depth(1)
  handshake.set_our_htlc_minimum_msat(1n)
  handshake.set_our_max_accepted_htlcs(MAX_HTLCS)
  handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100)
  // Anchors would need a wallet of coins to pay for closing; this node has none.
  handshake.set_negotiate_anchors_zero_fee_htlc_tx(false)
  config.set_channel_handshake_config(handshake)

  const limits = config.get_channel_handshake_limits()
  limits.set_force_announced_channel_preference(false)
  config.set_channel_handshake_limits(limits)

  config.set_accept_forwards_to_priv_channels(true)
  return config
}
