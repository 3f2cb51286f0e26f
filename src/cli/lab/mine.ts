import { Command } from 'commander'
import { StreamError } from '../../errors/error.ts'
import { jsonOption } from '../options.ts'
import { stateHome } from '../state.ts'
import { runLab } from './run.ts'

const HELP = `
Example:
  streampay lab mine 6`

export function labMineCommand(): Command {
  return new Command('mine')
    .description("Mine blocks on the lab's chain")
    .argument('<blocks>', 'how many, up to 1000')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((blocks: string, { json }: { readonly json?: boolean }) =>
      runLab(json, async (output) => {
        const { labMine } = await import('../../nodectl/lab/mine.ts')
        if (!/^\d{1,9}$/.test(blocks)) throw new StreamError('option-invalid', `"${blocks}" is not a number of blocks`)
        const height = await labMine(stateHome(), Number(blocks))
        output.event('lab-mined', { blocks: Number(blocks), height })
        output.say(`mined ${blocks}; the chain has ${height} blocks`)
      }),
    )
}
