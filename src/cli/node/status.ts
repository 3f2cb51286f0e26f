import { join } from 'node:path'
import { Command } from 'commander'
import { logFile } from '../../nodectl/managed/files.ts'
import { listManaged } from '../../nodectl/managed/record.ts'
import { type NodeStatus, nodeStatus } from '../../nodectl/managed/status.ts'
import { drawProgress } from '../../nodectl/managed/sync.ts'
import { jsonOption } from '../options.ts'
import { bold, dim, green, red, yellow } from '../output/colour.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { stateHome } from '../state.ts'
import { chooseNode, nameOption } from './name.ts'

interface StatusOptions {
  readonly name?: string
  readonly json?: boolean
}

export function statusCommand(): Command {
  return new Command('status')
    .description('What your nodes are doing: all of them, or one')
    .addOption(nameOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay node status\n  streampay node status --name alice --json')
    .action(async (options: StatusOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await status(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function status({ name }: StatusOptions, output: Output): Promise<number> {
  const nodes = listManaged(stateHome())
  if (nodes.length === 0) output.say('there is no node yet; `streampay node up` makes one')
  const chosen = name === undefined ? nodes : [chooseNode(nodes, name)]
  for (const one of await Promise.all(chosen.map(nodeStatus))) {
    output.event('node', statusRecord(one))
    for (const line of drawStatus(one)) output.print(line)
  }
  return 0
}

/** A node's status for machines. */
export function statusRecord({ node, state, pid, live, trouble }: NodeStatus): Readonly<Record<string, unknown>> {
  const { name, network, backend, lab, dir, rpcPort, peerPort, chainPeers } = node
  return {
    name,
    network,
    backend,
    lab,
    state,
    running: pid !== undefined,
    ...(pid !== undefined && { pid }),
    ...(live && {
      publicKey: live.publicKey,
      version: live.version,
      height: live.progress.height,
      phase: live.progress.phase,
      ...(live.progress.target !== undefined && { target: live.progress.target }),
      syncedToChain: live.syncedToChain,
      syncedToGraph: live.syncedToGraph,
      peers: live.peers,
      channels: live.channels,
    }),
    ...(trouble && { trouble: trouble.code, message: trouble.message }),
    rpc: `localhost:${rpcPort}`,
    peer: `127.0.0.1:${peerPort}`,
    chainPeers,
    dir,
    log: logFile(node),
    conf: join(dir, 'lnd.conf'),
  }
}

const COLOURS = { ready: green, syncing: yellow, starting: yellow, 'no-wallet': yellow, stopped: red } as const

function drawStatus({ node, state, pid, live, trouble }: NodeStatus): string[] {
  const fact = (name: string, value: string): string => `  ${dim(name.padEnd(9))} ${value}`
  const lines = [
    `${bold(node.name)}  ${COLOURS[state](state)}  ${node.network}, ${node.backend}${node.lab ? ', lab' : ''}`,
  ]
  if (live) {
    const { active, inactive, pending } = live.channels
    lines.push(
      fact('chain', drawProgress([{ ...live.progress, atMs: 0 }])),
      fact('key', live.publicKey),
      fact('version', live.version.split(' ')[0]!),
      fact('peers', `${live.peers}`),
      fact('channels', `${active} active, ${inactive} inactive, ${pending} pending`),
    )
  }
  if (state === 'no-wallet')
    lines.push(fact('wallet', `not made yet; \`streampay node up --name ${node.name}\` makes it`))
  if (trouble) lines.push(fact('trouble', trouble.message))
  if (pid !== undefined)
    lines.push(fact('process', `${pid}, gRPC localhost:${node.rpcPort}, peers 127.0.0.1:${node.peerPort}`))
  lines.push(fact('files', node.dir))
  return lines
}
