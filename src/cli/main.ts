#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { EXIT } from '../errors/codes.ts'
import { demoCommand } from './demo/demo.ts'
import { getCommand } from './get.ts'
import { createOutput, reportError } from './output/output.ts'
import { priceCommand } from './price.ts'
import { sellCommand } from './sell.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('streampay')
  .description('Stream: pay by use. Lightning payments flow while the data flows.')
  .version(version)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    '\nTry it with no node and no account:  streampay demo\nErrors and exit codes:               docs/errors.md',
  )
  .addCommand(sellCommand())
  .addCommand(getCommand())
  .addCommand(priceCommand())
  .addCommand(demoCommand())

try {
  for (const command of program.commands) command.exitOverride()
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    process.exitCode = reportError(error, createOutput(process.argv.includes('--json')))
  }
}
