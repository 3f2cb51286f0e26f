import * as ldk from 'lightningdevkit'
import type { Msat } from '../../../money/msat.ts'
import { channelStates } from '../ldk/channels.ts'
import type { Neighbours } from '../ldk/neighbours.ts'
import type { LdkNode } from '../ldk/node.ts'
import { type Failed, failed } from './attempt.ts'
import type { Payable } from './payable.ts'

/** How long a payment waits for the payee to come back, or for its channel to have room again. */
const WAIT_MS = 10_000

/**
 * Does what can be done about a payment that found no route: waits for its peer, or opens a channel. `undefined` when it
 * is worth another try.
 */
export async function remedy(
  payable: Payable,
  maxFee: Msat,
  node: LdkNode,
  neighbours: Neighbours,
): Promise<Failed | undefined> {
  const { payee, amount } = payable
  if (payee === node.publicKey) return failed('no-route', 'the payee is this node itself')
  const channels = neighbours.channelsWith(payee)
  const able = channels.filter(({ ready, outbound }) => ready && outbound >= amount)
  if (able.length > 0) {
    const canSend = () => neighbours.channelsWith(payee).some((channel) => channel.canSend >= amount)
    // Whether the dialling fails does not matter: the peer may dial us.
    neighbours.dial(payee).catch(() => {})
    if (await neighbours.until(canSend, WAIT_MS)) return
    return failed('no-route', 'the channel to the payee cannot be used now')
  }
  if (!neighbours.isKnown(payee)) return diagnose(payable, maxFee, node, channels.length > 0)
  if (amount > neighbours.freshOutboundMsat) return failed('balance-insufficient', 'no channel here can carry as much')
  try {
    await neighbours.open(payee, amount)
  } catch (error) {
    return failed('no-route', (error as Error).message)
  }
}

function diagnose(payable: Payable, maxFee: Msat, node: LdkNode, isNeighbour: boolean): Failed {
  if (isNeighbour) return failed('balance-insufficient', 'the channels to the payee hold too little')
  const { manager, parts, publicKey } = node
  const route = payable.route()
  route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_none())
  const anyFee = parts.router.find_route(
    Buffer.from(publicKey, 'hex'),
    route,
    manager.list_usable_channels(),
    manager.compute_inflight_htlcs(),
  )
  if (anyFee.is_ok()) return failed('fee-too-high', `no route costs as little as ${maxFee} msat`)
  const channels = channelStates(manager)
  const total = channels.reduce((sum, { outbound }) => sum + outbound, 0n)
  return channels.length > 0 && total < payable.amount
    ? failed('balance-insufficient', 'the channels hold too little')
    : failed('no-route', 'the payee is no node of this machine, and no channel leads to it')
}
