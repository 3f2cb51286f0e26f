import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { LogReader } from '../../nodectl/daemon/log.ts'
import { logFile } from '../../nodectl/managed/files.ts'
import { listManaged } from '../../nodectl/managed/record.ts'
import { interruptSignal } from '../interrupt.ts'
import { jsonOption } from '../options.ts'
import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'
import { stateHome } from '../state.ts'
import { chooseNode, nameOption } from './name.ts'

interface LogsOptions {
  readonly name?: string
  readonly follow?: boolean
  readonly lines: string
  readonly json?: boolean
}

const LOOK_MS = 250
const MAX_LINES = 100_000

export function logsCommand(): Command {
  return new Command('logs')
    .description("What a node's LND has written into its log")
    .addOption(nameOption())
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .addOption(new Option('-n, --lines <count>', 'how many of the last lines').default('50'))
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  streampay node logs --name alice --follow')
    .action(async (options: LogsOptions) => {
      const output = createOutput(options.json === true)
      process.exitCode = await logs(options, output).catch((error) => reportError(error, output))
      process.exit()
    })
}

async function logs({ name, follow, lines, json }: LogsOptions, output: Output): Promise<number> {
  const node = chooseNode(listManaged(stateHome()), name)
  const file = logFile(node)
  const print = (line: string): void => {
    if (json) output.event('log', { line })
    else output.print(line)
  }
  const signal = interruptSignal()
  const reader = new LogReader(file)
  for (const line of reader.last(readLines(lines))) print(line)
  if (!existsSync(file)) output.say(`${file} is not there yet`)
  while (follow && !signal.aborted) {
    for (const line of reader.next()) print(line)
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {})
  }
  return 0
}

function readLines(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) > MAX_LINES) {
    throw new StreamError('option-invalid', `-n takes a number of lines up to ${MAX_LINES}, not "${text.slice(0, 20)}"`)
  }
  return Number(text)
}
