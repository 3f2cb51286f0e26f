#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { EXIT } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'
import { demoCommand } from './demo/demo.ts'
import { getCommand } from './get.ts'
import { createOutput } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { priceCommand } from './price.ts'
import { sellCommand } from './sell.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('streampay')
  .description('Stream: pay by use. Lightning payments flow while the data flows.')
  .version(version)
  .exitOverride()
  // What was wrong with the arguments is reported below, as everything else is.
  .configureOutput({ outputError: () => {} })
  .addHelpText(
    'after',
    '\nTry it with no node and no account:  streampay demo\nErrors and exit codes:               docs/errors.md',
  )

for (const command of [sellCommand(), getCommand(), priceCommand(), demoCommand()]) {
  program.addCommand(command.copyInheritedSettings(program))
}

// A reader that leaves (`| head`) is told by the write that fails; the event on the stream must not end the process.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usage(error) : report(error)
}

/** Help and version were printed; anything else is a mistake in the arguments. */
function usage({ exitCode, code, message }: CommanderError): number {
  if (exitCode === 0) return EXIT.ok
  if (code === 'commander.help') return EXIT.usage
  return report(new StreamError('option-invalid', message.replace(/^error: /, '')))
}

function report(error: unknown): number {
  return reportError(error, createOutput(process.argv.includes('--json')))
}
