import { Command } from 'commander'
import { labDownCommand } from './down.ts'
import { labMineCommand } from './mine.ts'
import { labStatusCommand } from './status.ts'
import { labUpCommand } from './up.ts'

const HELP = `
Examples:
  streampay lab up
  streampay sell ./films --price "1 sat/MiB" --node lab-bob
  streampay get http://127.0.0.1:4402/film.mp4 --node lab-alice
  streampay lab down --purge

lab-alice runs on btcd, lab-bob is a light client (neutrino). Their coins exist on this machine alone and are worth nothing.`

export function labCommand(): Command {
  return new Command('lab')
    .description('A whole Lightning network on this machine: a private chain, two funded LNDs, a channel between them')
    .addCommand(labUpCommand())
    .addCommand(labDownCommand())
    .addCommand(labMineCommand())
    .addCommand(labStatusCommand())
    .addHelpText('after', HELP)
}
