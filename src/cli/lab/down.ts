import { Command } from 'commander'
import { jsonOption } from '../options.ts'
import { stateHome } from '../state.ts'
import { runLab } from './run.ts'

interface DownOptions {
  readonly purge?: boolean
  readonly json?: boolean
}

const HELP = `
Chain, coins and channel are there again after the next \`streampay lab up\`, unless they are purged.

Example:
  streampay lab down --purge`

export function labDownCommand(): Command {
  return new Command('down')
    .description('End every process of the lab')
    .option('--purge', 'delete all files of the lab, and no others')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(({ purge = false, json }: DownOptions) =>
      runLab(json, async (output) => {
        const { labDown } = await import('../../nodectl/lab/down.ts')
        const { ended, deleted, guests } = await labDown(stateHome(), { purge })
        output.event('lab-down', { ended, deleted, guests })
        output.say(ended.length > 0 ? `ended ${ended.join(', ')}` : 'nothing of the lab ran')
        for (const folder of deleted) output.say(`deleted ${folder}`)
        for (const guest of guests)
          output.say(`node ${guest} runs on, without its chain: \`streampay node down\` ends it`)
      }),
    )
}
