import { Command } from 'commander'
import type { LabStep } from '../../nodectl/lab/up.ts'
import { jsonOption } from '../options.ts'
import { dim } from '../output/colour.ts'
import type { Output } from '../output/output.ts'
import { stateHome } from '../state.ts'
import { runLab } from './run.ts'

interface UpOptions {
  readonly lnd?: string
  readonly json?: boolean
}

const HELP = `
It may be run again at any time: it finishes or repairs what it finds, and does nothing when all is well. The first time, LND and
btcd are built with Go if they are not on the PATH (about six minutes, once).

Example:
  streampay lab up --json`

export function labUpCommand(): Command {
  return new Command('up')
    .description('Start the lab: chain, nodes, coins, channel; everything goes on when the command has ended')
    .option('--lnd <path>', 'the lnd to run; found on the PATH or built when absent')
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(({ lnd, json }: UpOptions) => runLab(json, (output) => up(lnd, output)))
}

const WORDS: Readonly<Record<LabStep, string>> = {
  programs: 'looking for lnd and btcd',
  chain: 'starting the chain',
  nodes: 'starting lab-alice and lab-bob',
  coins: 'giving them coins',
  channel: 'opening a channel',
}

async function up(lnd: string | undefined, output: Output): Promise<void> {
  const { labUp } = await import('../../nodectl/lab/up.ts')
  const { labEvent, labLines } = await import('./words.ts')
  const began = Date.now()
  const elapsed = (): number => Date.now() - began
  const { status, changed } = await labUp({
    home: stateHome(),
    env: process.env,
    lnd,
    onStep: (step) => {
      output.live([])
      output.event('lab-step', { step, elapsedMs: elapsed() })
      output.say(dim(`${WORDS[step]} …`))
    },
    onProgress: (line) => {
      output.event('lab-progress', { line, elapsedMs: elapsed() })
      output.live([dim(line)])
    },
  })
  output.live([])
  output.event('lab-up', { changed, durationMs: elapsed(), ...labEvent(status) })
  output.say(changed ? `the lab is up, after ${(elapsed() / 1000).toFixed(0)} s` : 'the lab is up already')
  for (const line of labLines(status)) output.say(line)
}
