import { Command, Option } from 'commander'
import { runningDaemon } from '../../nodectl/daemon/daemon.ts'
import { nodeDown } from '../../nodectl/managed/down.ts'
import { daemonFiles } from '../../nodectl/managed/files.ts'
import { listManaged } from '../../nodectl/managed/record.ts'
import { jsonOption } from '../options.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { stateHome } from '../state.ts'
import { chooseNode, nameOption } from './name.ts'

interface DownOptions {
  readonly name?: string
  readonly all?: boolean
  readonly json?: boolean
}

const WORDS = {
  absent: 'was not running',
  asked: 'has stopped',
  terminated: 'has stopped; it did not answer and was sent SIGTERM',
  killed: 'was killed: it did not stop by itself',
} as const

export function downCommand(): Command {
  return new Command('down')
    .description('Stop a node. Its wallet and channels stay as they are')
    .addOption(nameOption())
    .addOption(new Option('--all', 'every node').conflicts('name'))
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay node down --name alice')
    .action(async (options: DownOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await down(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function down({ name, all }: DownOptions, output: Output): Promise<number> {
  const nodes = listManaged(stateHome())
  for (const node of all ? nodes : [chooseNode(nodes, name)]) {
    if (runningDaemon(daemonFiles(node))) output.say(`stopping ${node.name}`)
    const ended = await nodeDown(node)
    output.event('down', { name: node.name, network: node.network, ended })
    output.say(`${node.name} ${WORDS[ended]}`)
  }
  return 0
}
