import { formatMsat } from '../../money/msat.ts'
import { type LiveLabNode, liquidityOf } from '../../nodectl/lab/nodes.ts'
import { type LabNodeStatus, type LabStatus, labHints } from '../../nodectl/lab/status.ts'
import { dim } from '../output/colour.ts'

/** The lab as an event: amounts in msat. The channel is as its opener sees it. */
export function labEvent({ chain, height, nodes }: LabStatus) {
  return {
    network: 'regtest',
    chain,
    height,
    nodes: nodes.map(nodeEvent),
    channel: nodes[0]?.live && channelEvent(nodes[0].live),
  }
}

const nodeEvent = ({ name, backend, state, reason, live }: LabNodeStatus) => ({
  name,
  /** For `--node`. */
  spec: name,
  backend,
  state,
  reason,
  ...(live && {
    publicKey: live.publicKey,
    height: live.height,
    synced: live.synced,
    coins: live.coins,
    canSend: liquidityOf(live).out,
    canReceive: liquidityOf(live).in,
  }),
})

function channelEvent({ name, channels }: LiveLabNode) {
  const [channel] = channels
  if (!channel) return undefined
  const { id, peer, capacity, local, remote, active } = channel
  return { id, from: name, peer, capacity, local, remote, active }
}

/** The lab for people. */
export function labLines(status: LabStatus): string[] {
  const head = status.height === undefined ? [] : [`regtest, ${status.height} blocks`]
  return [...head, ...status.nodes.flatMap(nodeLines), ...labHints(status).map((hint) => `${dim('hint ')} ${hint}`)]
}

function nodeLines({ name, backend, state, reason, live }: LabNodeStatus): string[] {
  const title = `\n--node ${name}  ${dim(backend)}`
  if (!live) return [`${title}  ${state}${reason ? ` (${reason})` : ''}`]
  const liquidity = liquidityOf(live)
  return [
    `${title}  ${live.synced ? `at block ${live.height}` : `at block ${live.height}, not synced`}`,
    `  ${dim(live.publicKey)}`,
    `  can send ${formatMsat(liquidity.out)}, can receive ${formatMsat(liquidity.in)}; coins ${formatMsat(live.coins)}`,
  ]
}
