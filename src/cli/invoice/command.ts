import { Command } from 'commander'
import { createCommand } from './create.ts'
import { listCommand } from './list.ts'
import { showCommand } from './show.ts'

export function invoiceCommand(): Command {
  return new Command('invoice')
    .description('Invoices: make one, look at one, list them')
    .addCommand(createCommand())
    .addCommand(showCommand())
    .addCommand(listCommand())
}
