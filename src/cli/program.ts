import { Command, CommanderError } from 'commander'
import { EXIT } from '../errors/codes.ts'
import { StreamError } from '../errors/error.ts'
import { budgetCommand } from './budget.ts'
import { decodeCommand } from './decode.ts'
import { demoCommand } from './demo/demo.ts'
import { doctorCommand } from './doctor.ts'
import { getCommand } from './get.ts'
import { historyCommand } from './history.ts'
import { invoiceCommand } from './invoice/command.ts'
import { keysendCommand } from './keysend.ts'
import { labCommand } from './lab/command.ts'
import { mcpCommand } from './mcp.ts'
import { nodeCommand } from './node/command.ts'
import { createOutput } from './output/output.ts'
import { reportError } from './output/reportError.ts'
import { payCommand } from './pay.ts'
import { payoutsCommand } from './payouts.ts'
import { priceCommand } from './price.ts'
import { proxyCommand } from './proxy.ts'
import { recoverCommand } from './recover.ts'
import { schemaCommand } from './schema.ts'
import { sellCommand } from './sell.ts'
import { simulateCommand } from './simulate/command.ts'
import { statementCommand } from './statement.ts'
import { verifyCommand } from './verify.ts'
import { version } from './version.ts'

const program = new Command('streampay')
  .description('Stream: pay by use. Lightning payments flow while the data flows.')
  .version(version)
  .exitOverride()
  // What follows the name of a command is for that one: `proxy` and `proxy callers add` both know a --max.
  .enablePositionalOptions()
  // What was wrong with the arguments is reported below, as everything else is.
  .configureOutput({ outputError: () => {} })
  .addHelpText(
    'after',
    '\nTry it with no node and no account:  streampay demo\nErrors and exit codes:               docs/errors.md',
  )

const commands = [
  sellCommand(),
  getCommand(),
  proxyCommand(),
  priceCommand(),
  simulateCommand(),
  budgetCommand(),
  historyCommand(),
  recoverCommand(),
  statementCommand(),
  verifyCommand(),
  invoiceCommand(),
  payCommand(),
  decodeCommand(),
  keysendCommand(),
  payoutsCommand(),
  mcpCommand(),
  nodeCommand(),
  labCommand(),
  doctorCommand(),
  demoCommand(),
  schemaCommand(),
]
for (const command of commands) {
  inherit(command, program)
  program.addCommand(command)
}

// A reader that leaves (`| head`) is told by the write that fails; the event on the stream must not end the process.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

// Node would print all that is in it.
process.on('uncaughtException', (error) => process.exit(report(error)))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? usage(error) : report(error)
}

/** Commands of commands too, such as `node peers connect`. */
function inherit(command: Command, from: Command): void {
  command.copyInheritedSettings(from)
  for (const verb of command.commands) inherit(verb, command)
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
