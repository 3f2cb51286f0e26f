import { Command } from 'commander'
import { jsonOption } from '../options.ts'
import { stateHome } from '../state.ts'
import { runLab } from './run.ts'

const HELP = `
Nodes call themselves not synced when there was no block for two hours; \`streampay lab mine 1\` helps.

Example:
  streampay lab status --json`

export function labStatusCommand(): Command {
  return new Command('status')
    .description('What of the lab runs: its nodes, their height, and who holds what')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(({ json }: { readonly json?: boolean }) =>
      runLab(json, async (output) => {
        const { labHints, labStatus } = await import('../../nodectl/lab/status.ts')
        const { labEvent, labLines } = await import('./words.ts')
        const status = await labStatus(stateHome())
        output.event('lab-status', { ...labEvent(status), hints: labHints(status) })
        for (const line of labLines(status)) output.print(line)
      }),
    )
}
