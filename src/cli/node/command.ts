import { Command } from 'commander'
import { channelsCommand } from './channels.ts'
import { closeCommand } from './close.ts'
import { downCommand } from './down.ts'
import { fundCommand } from './fund.ts'
import { logsCommand } from './logs.ts'
import { macaroonCommand } from './macaroon.ts'
import { openCommand } from './open.ts'
import { peersCommand } from './peers.ts'
import { statusCommand } from './status.ts'
import { upCommand } from './up.ts'

export function nodeCommand(): Command {
  return new Command('node')
    .description('What concerns a Lightning node')
    .addCommand(upCommand())
    .addCommand(downCommand())
    .addCommand(statusCommand())
    .addCommand(logsCommand())
    .addCommand(fundCommand())
    .addCommand(peersCommand())
    .addCommand(openCommand())
    .addCommand(channelsCommand())
    .addCommand(closeCommand())
    .addCommand(macaroonCommand())
}
